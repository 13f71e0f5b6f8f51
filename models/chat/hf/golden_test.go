package hf

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/chat/jinja"
	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/models/tok/config"
	"github.com/belay-ml/belay/testdata/goldens"
)

// TestGoldenMasksHoldTheAssistantsWords takes the chat templates of the goldens and asks for the masks of their
// conversations: what the assistant says lies within the spans, and nothing that a user says does.
func TestGoldenMasksHoldTheAssistantsWords(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob(filepath.Join(goldens.Dir(t, "eval/chat_templates"), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			set, err := LoadFile(filepath.Join(dir, "template.jinja"))
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, "cases.json"))
			if err != nil {
				t.Fatal(err)
			}
			v, err := ordjson.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			file := v.(*ordjson.Object)
			conf, err := config.Parse(text, nil) // bos_token and eos_token stand in it as in a tokenizer_config.json
			if err != nil {
				t.Fatal(err)
			}
			r, err := NewRenderer(set, "", conf, nil)
			if err != nil {
				t.Fatal(err)
			}
			source, err := os.ReadFile(filepath.Join(dir, "template.jinja"))
			if err != nil {
				t.Fatal(err)
			}
			special := newLetters()
			special.Added = append(special.Added, regexp.MustCompile(`<[|｜][^<>|｜]+[|｜]>`).FindAllString(string(source), -1)...)
			r.findEnd(special)
			cases, _ := file.Get("cases")
			for _, e := range cases.([]any) {
				o := e.(*ordjson.Object)
				if failed, _ := o.Get("error"); failed != nil {
					continue
				}
				messages, _ := o.Get("messages")
				tools, _ := o.Get("tools")
				name, _ := o.Get("name")
				c := Conversation{Messages: jinja.FromJSON(messages).([]any), Tools: jinja.FromJSON(tools)}
				checkMask(t, r, name.(string), c)
			}
		})
	}
}

func checkMask(t *testing.T, r *Renderer, name string, c Conversation) {
	text, spans, err := r.Trained(context.Background(), c)
	if err != nil {
		if !strings.Contains(err.Error(), "in another way when more follow") {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
		return
	}
	var learned, read strings.Builder
	at := 0
	for _, s := range spans {
		read.WriteString(text[at:s.Start] + "\x00")
		learned.WriteString(text[s.Start:s.End] + "\x00")
		at = s.End
	}
	read.WriteString(text[at:])
	for i, m := range c.Messages {
		d := m.(*jinja.Dict)
		content, _ := d.Get("content")
		s, _ := content.(string)
		if s = strings.TrimSpace(s); len(s) < 4 || !strings.Contains(text, s) { // not written, or too short to tell
			continue
		}
		in, out := learned.String(), read.String()
		if !fromAssistant(m) {
			in, out = out, in
		}
		if !strings.Contains(in, s) || strings.Contains(out, s) {
			t.Errorf("%s: message %d %q is on the wrong side; learned %q", name, i, s, learned.String())
		}
	}
}
