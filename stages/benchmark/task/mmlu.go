package task

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MMLU is the layout and protocol of Hendrycks et al. 2021: <root>/test/<subject>_test.csv and
// <root>/dev/<subject>_dev.csv, no header, columns question, A, B, C, D, answer letter.
type MMLU struct{}

// maxCSV bounds one subject's file; the real ones are under 1 MB.
const maxCSV = 64 << 20

// Name is the word in recipes.
func (MMLU) Name() string { return "mmlu" }

// Doc is one line for help.
func (MMLU) Doc() string {
	return "multiple choice over four lettered options, CSV files as in MMLU (Hendrycks et al. 2021)"
}

// Load reads every <subject>_<split>.csv. dir is the root that holds the split folders, or the folder
// of the split itself; examples are read from a root alone, because what lies beside dir is no part of
// the stage's input.
func (MMLU) Load(dir, split string) ([]Subject, error) {
	folder := filepath.Join(dir, split)
	_, err := os.Stat(folder)
	root := err == nil
	if !root {
		folder = dir
	}
	suffix := "_" + split + ".csv"
	entries, err := os.ReadDir(folder) // sorted
	if err != nil {
		return nil, err
	}
	var subjects []Subject
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		s := Subject{Name: name}
		if s.Items, err = readItems(filepath.Join(folder, e.Name())); err != nil {
			return nil, err
		}
		if root {
			s.Shots, err = readItems(filepath.Join(dir, Dev, name+"_"+Dev+".csv"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		subjects = append(subjects, s)
	}
	if len(subjects) == 0 {
		return nil, fmt.Errorf("no files *%s in %s", suffix, folder)
	}
	return subjects, nil
}

func readItems(path string) ([]Item, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return nil, err
	} else if st.Size() > maxCSV {
		return nil, fmt.Errorf("read %s: %d bytes, more than the %d that one subject may have", path, st.Size(), maxCSV)
	}
	items, err := parseItems(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return items, nil
}

func parseItems(r io.Reader) ([]Item, error) {
	b := bufio.NewReader(r)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		b.Discard(3)
	}
	c := csv.NewReader(b)
	c.FieldsPerRecord = -1
	var items []Item
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := c.FieldPos(0)
		if len(row) != 6 {
			return nil, fmt.Errorf("line %d: %d columns, want 6: question, A, B, C, D, answer", line, len(row))
		}
		for _, cell := range row {
			if !utf8.ValidString(cell) {
				return nil, fmt.Errorf("line %d: text is not UTF-8", line)
			}
		}
		answer := strings.TrimSpace(row[5])
		if len(answer) != 1 || answer[0] < 'A' || answer[0] > 'D' {
			return nil, fmt.Errorf("line %d: answer %q, want A, B, C or D", line, row[5])
		}
		items = append(items, Item{ID: len(items), Question: row[0], Choices: row[1:5], Gold: int(answer[0] - 'A')})
	}
	if len(items) == 0 {
		return nil, errors.New("no questions")
	}
	return items, nil
}

func header(s Subject) string {
	return "The following are multiple choice questions (with answers) about " + strings.ReplaceAll(s.Name, "_", " ") + ".\n\n"
}

func body(item Item) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(item.Question))
	for i, c := range item.Choices {
		fmt.Fprintf(&b, "\n%c. %s", 'A'+i, c)
	}
	b.WriteString("\nAnswer:")
	return b.String()
}

func letter(i int) string { return string(rune('A' + i)) }

// Context is lm-evaluation-harness' prompt: header, shots with their letters, question, "Answer:".
func (MMLU) Context(s Subject, shots []Item, item Item) string {
	var b strings.Builder
	b.WriteString(header(s))
	for _, shot := range shots {
		b.WriteString(body(shot) + " " + letter(shot.Gold) + "\n\n")
	}
	b.WriteString(body(item))
	return b.String()
}

// Turns asks every shot as a user's turn answered by its letter. The header opens the first turn only
// where there are shots that it introduces.
func (MMLU) Turns(s Subject, shots []Item, item Item) []Turn {
	var turns []Turn
	for _, shot := range shots {
		turns = append(turns, Turn{Text: body(shot)}, Turn{Assistant: true, Text: letter(shot.Gold)})
	}
	turns = append(turns, Turn{Text: body(item)})
	if len(shots) > 0 {
		turns[0].Text = header(s) + turns[0].Text
	}
	return turns
}

var (
	letterDot   = regexp.MustCompile(`^.*([ABCD])\..*`)
	letterFirst = regexp.MustCompile(`^([ABCD])`)
)

// Extract takes the last letter with a period on the first line, else a letter at the very start.
func (MMLU) Extract(text string) int {
	text = strings.TrimLeft(text, " \t\r\n")
	for _, re := range []*regexp.Regexp{letterDot, letterFirst} {
		if m := re.FindStringSubmatch(text); m != nil {
			return int(m[1][0] - 'A')
		}
	}
	return -1
}
