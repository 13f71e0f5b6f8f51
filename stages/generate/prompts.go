package generate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"unicode/utf8"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
)

// prompt is one question.
type prompt struct {
	Prompt string `json:"prompt"`
	System string `json:"system"`
}

// maxLine bounds one line of a prompts file.
const maxLine = 16 << 20

// prompts are the listed ones and those of the file.
func (p *Params) prompts() ([]prompt, error) {
	var all []prompt
	for i, text := range p.Prompts {
		if text == "" {
			return nil, fault.New(fault.Recipe, "prompts: text %d is empty", i+1)
		}
		all = append(all, prompt{Prompt: text})
	}
	if p.File.Given() {
		more, err := readPrompts(p.File)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Recipe, "nothing to ask: give prompts or prompts_file")
	}
	for i := range all {
		if all[i].System == "" {
			all[i].System = p.System
		}
	}
	return all, nil
}

// readPrompts reads a line a prompt: a JSON object, or the text itself. Blank lines are passed over.
func readPrompts(file artifact.Ref) ([]prompt, error) {
	f, err := os.Open(file.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []prompt
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, maxLine)
	line := 1
	for ; sc.Scan(); line++ {
		q, err := parsePrompt(sc.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file.Label, line, err)
		}
		if q.Prompt != "" {
			all = append(all, q)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", file.Label, line, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no prompts", file.Label)
	}
	return all, nil
}

// parsePrompt reads one line; the prompt of a blank one is empty.
func parsePrompt(line []byte) (prompt, error) {
	var q prompt
	switch text := bytes.TrimSpace(line); {
	case !utf8.Valid(line):
		return q, fmt.Errorf("text is not UTF-8")
	case len(text) == 0:
		return q, nil
	case text[0] != '{':
		return prompt{Prompt: string(line)}, nil
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if err := d.Decode(&q); err != nil {
		return q, fmt.Errorf("read JSON: %w", err)
	}
	if d.More() {
		return q, fmt.Errorf("text follows the JSON object")
	}
	if q.Prompt == "" {
		return q, fmt.Errorf("no text under \"prompt\"")
	}
	return q, nil
}
