package main

import (
	"strings"
	"testing"
)

func TestMessagesOfNamedTemplatesGoByTurns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]`:                                    "message 1 (user) is out of turn",
		`[{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]`:                                  "message 1 is a system message",
		`[{"role": "bot", "content": "a"}]`:                                                                       `message 0 has the role "bot", want system, user, assistant or tool`,
		`[{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [{"name": "f"}, {"name": "g"}]}]`: "message 1: a named template writes one tool call a message",
		`[]`: "there is no message to answer",
	} {
		all, err := readConversations([]byte(text), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := all[0].rounds(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	if _, err := readConversations([]byte(`[{"role": "system", "content": "a"}]`), "S"); err == nil || !strings.Contains(err.Error(), "--system gives another") {
		t.Errorf("two system texts: error %v", err)
	}
}

// FuzzReadConversations gives random bytes to belay render's input.
func FuzzReadConversations(f *testing.F) {
	for _, seed := range []string{`[{"role": "user", "content": "a"}]`, `{"messages": [], "tools": [1], "x": null}` + "\n" + `[]`, `[1]`, `{}`, `[{"role": "assistant", "tool_calls": [{"function": null}]}]`} {
		f.Add([]byte(seed), "S")
	}
	f.Fuzz(func(t *testing.T, text []byte, system string) {
		all, err := readConversations(text, system)
		if err != nil {
			return
		}
		for _, d := range all {
			if c := d.conversation(); len(c.Messages) != len(d.messages) {
				t.Errorf("%d messages became %d", len(d.messages), len(c.Messages))
			}
			_, _, _ = d.rounds()
		}
	})
}
