package jinja

import (
	"context"
	"testing"
)

// BenchmarkRender writes a conversation of four messages, as preprocessing does for each record.
func BenchmarkRender(b *testing.B) {
	tmpl, err := Parse("t", "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"+
		"{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
	if err != nil {
		b.Fatal(err)
	}
	var messages []any
	for _, role := range []string{"user", "assistant", "user", "assistant"} {
		m := NewDict(2)
		m.Set("role", role)
		m.Set("content", "A sentence of some length that a person might well have written down in a chat.")
		messages = append(messages, m)
	}
	vars := []Var{{"messages", messages}, {"add_generation_prompt", false}}
	b.ReportAllocs()
	for b.Loop() {
		out, _, err := tmpl.Render(context.Background(), vars, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
}
