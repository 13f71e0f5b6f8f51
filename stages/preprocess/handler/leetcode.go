package handler

import (
	"strings"

	"github.com/belay-ml/belay/stages/preprocess/record"
)

func leetcodeKind() Kind {
	return Kind{
		Style: "leetcode", Reference: "LeetcodePythonInstructionHandler",
		Doc:         "programming problems with code and explanation, under fixed headings",
		Instruction: true,
		New:         func(o Options) (Handler, error) { return leetcode{newEncoder(o)}, nil },
	}
}

// leetcode asks with the problem's text before its first code block and answers with code and explanation.
type leetcode struct{ *encoder }

func (leetcode) Fields() []string { return instructionFields }
func (leetcode) Columns() []string {
	return []string{"code_with_problem", "explanation_only", "code_only"}
}

func (h leetcode) Encode(r record.Record, m *Memory) (Document, error) {
	text, why, err := h.texts(r, h.Columns())
	if err != nil || why != "" {
		return Document{Dropped: why}, err
	}
	problem, _, _ := strings.Cut(text[0], "```")
	return h.exchange(strings.TrimSpace(problem), text[2]+"\n"+text[1], m), nil
}
