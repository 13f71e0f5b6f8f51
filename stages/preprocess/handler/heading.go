package handler

import (
	"strings"

	"github.com/belay-ml/belay/models/chat"
)

// The fixed text of the handlers that take no template: headings for each message.
const (
	headingSystem = "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request. Please note that you need to think through your response logically and step by step."
	headingUser   = "### Instruction:"
	headingAnswer = "### Response:"
)

// headings encodes messages under headings as one text; labels keep the last answer only. What
// belongs to the prompt is counted by tokenizing the prompt alone, as in the reference.
func (o Options) headings(messages []chat.Message) (ids, labels []int32) {
	var text strings.Builder
	text.WriteString("\n" + headingSystem + "\n")
	prompt := ""
	for _, m := range messages {
		if m.Role == chat.User {
			text.WriteString(headingUser + "\n" + m.Content + "\n")
			continue
		}
		text.WriteString(headingAnswer + "\n")
		prompt = text.String()
		text.WriteString(m.Content + "\n")
	}
	full := text.String()
	if o.Compat {
		// The reference looks for the last heading, which an answer may contain.
		prompt = full[:strings.LastIndex(full, headingAnswer)] + headingAnswer + "\n"
	}
	ids = o.Tokenizer.Encode(nil, full, true)
	labels = append(labels, ids...)
	n := len(o.Tokenizer.Encode(nil, prompt, true))
	if !o.Compat {
		n = min(n, len(labels))
	}
	for i := range n {
		if i < len(labels) {
			labels[i] = chat.Ignored
		} else {
			labels = append(labels, chat.Ignored)
		}
	}
	return ids, labels
}
