package handler

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// The fixed text of the handlers that take no template: headings for each message.
const (
	headingSystem = "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request. Please note that you need to think through your response logically and step by step."
	headingUser   = "### Instruction:"
	headingAnswer = "### Response:"
)

// headings encodes messages under headings as one text, and says how many of the first ids are not
// learned: those before the last answer.
func (e *encoder) headings(w *work, messages []chat.Message) (ids []int32, n int) {
	text := append(w.text[:0], "\n"+headingSystem+"\n"...)
	prompt := 0 // where the last answer begins
	for _, m := range messages {
		if m.Role == chat.User {
			text = append(text, headingUser+"\n"...)
		} else {
			text = append(text, headingAnswer+"\n"...)
			prompt = len(text)
		}
		text = append(append(text, m.Content...), '\n')
	}
	w.text = text
	full := string(text)
	w.ids = e.Tokenizer.Encode(w.ids[:0], full, true)
	if e.Compat {
		// The reference looks for the last heading, which an answer may hold, and counts the ids of the
		// text before it by itself, though at the seam a token may span both.
		before := full[:strings.LastIndex(full, headingAnswer)] + headingAnswer + "\n"
		w.more = e.Tokenizer.Encode(w.more[:0], before, true)
		n = min(len(w.more), len(w.ids))
		w.ids = e.end(w.ids)
		return w.ids, n
	}
	w.more = e.Tokenizer.Encode(w.more[:0], full[:prompt], true)
	for n < min(len(w.ids), len(w.more)) && w.ids[n] == w.more[n] {
		n++
	}
	w.ids = e.end(w.ids)
	return w.ids, n
}

// learnAfter is the sample of ids of which the first n are not learned.
func (w *work) learnAfter(m *Memory, ids []int32, n int) Sample {
	w.labels = w.labels[:0].Ignore(n).Learn(len(ids) - n)
	return m.sample(ids, w.labels)
}

// exchange is the sample of one question and answer under headings.
func (e *encoder) exchange(user, answer string, m *Memory) Document {
	w := e.take()
	defer e.give(w)
	w.messages = append(w.messages[:0], chat.Message{Role: chat.User, Content: user}, chat.Message{Role: chat.Assistant, Content: answer})
	ids, n := e.headings(w, w.messages)
	return Document{Samples: append(m.samples(1), w.learnAfter(m, ids, n))}
}

// texts reads columns, of which the last is the answer. The reference stops at null.
func (o Options) texts(r record.Record, columns []string) (text []string, why string, err error) {
	for i, c := range columns {
		s, ok, err := r.Text(c)
		if err != nil {
			return nil, "", err
		}
		if !ok && o.Compat {
			return nil, "", fmt.Errorf("%s: %q is null, and the reference stops there: leave compat out to pass over such records", r.Place, c)
		}
		if !o.Compat && s == "" && i == len(columns)-1 {
			why = "no response"
		}
		text = append(text, s)
	}
	return text, why, nil
}
