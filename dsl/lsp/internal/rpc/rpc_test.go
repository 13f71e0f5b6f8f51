package rpc_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
)

func frame(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }

func TestFramesAreReadOneAfterTheOther(t *testing.T) {
	t.Parallel()
	r := rpc.NewReader(strings.NewReader(frame("{}")+"content-type: x\r\ncontent-length:3\n\nabc"+frame("")), 0)
	for _, want := range []string{"{}", "abc", ""} {
		got, err := r.Frame()
		if err != nil || string(got) != want {
			t.Fatalf("want %q, have %q, %v", want, got, err)
		}
	}
	if _, err := r.Frame(); err != io.EOF {
		t.Fatalf("want the end, have %v", err)
	}
}

func TestAFrameThatIsTooLongIsSkipped(t *testing.T) {
	t.Parallel()
	r := rpc.NewReader(strings.NewReader(frame("12345")+frame("1234")), 4)
	if _, err := r.Frame(); !errors.Is(err, rpc.ErrTooLong) {
		t.Fatalf("want it refused, have %v", err)
	}
	if got, err := r.Frame(); err != nil || string(got) != "1234" {
		t.Fatalf("the next is %q, %v", got, err)
	}
}

func TestBadHeadersEndTheConversation(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\r\n":                             "read message: the header has no Content-Length",
		"X: 1\r\n\r\n":                     "read message: the header has no Content-Length",
		"Content-Length: x\r\n\r\n":        "read message: bad Content-Length \"x\"",
		"Content-Length: -1\r\n\r\n":       "read message: bad Content-Length \"-1\"",
		"hello\r\n\r\n":                    "read message: bad header line \"hello\"",
		"Content-Length: 5\r\n\r\nab":      "read message: the message ends early",
		"Content-Length: 5":                "read message: the header ends early",
		"Content-Length: 99999999\r\n\r\n": "read message: the message ends early",
		"A: " + strings.Repeat("x", 5000):  "read message: the header is too long",
	} {
		_, err := rpc.NewReader(strings.NewReader(text), 0).Frame()
		var fe *rpc.FramingError
		if !errors.As(err, &fe) || err.Error() != want {
			t.Errorf("%.20q: want %s, have %v", text, want, err)
		}
	}
}

func TestMessagesAreToldApart(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]any{
		`{"jsonrpc":"2.0","id":1,"method":"a","params":{}}`: rpc.Message{ID: "1", Method: "a", Params: []byte("{}")},
		`{"jsonrpc":"2.0","id":"x","method":"a"}`:           rpc.Message{ID: `"x"`, Method: "a"},
		`{"jsonrpc":"2.0","method":"a"}`:                    rpc.Message{Method: "a"},
		`{"jsonrpc":"2.0","id":1,"result":null}`:            rpc.Message{ID: "1", Answer: true},
		`{"jsonrpc":"2.0","id":1,"error":{}}`:               rpc.Message{ID: "1", Answer: true},
		`{`:                                                 rpc.CodeParse,
		`[]`:                                                rpc.CodeInvalidRequest,
		`{"jsonrpc":"1.0","id":1,"method":"a"}`:             rpc.CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":1}`:                          rpc.CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":[],"method":"a"}`:            rpc.CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":null,"method":"a"}`:          rpc.CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":1,"method":7}`:               rpc.CodeInvalidRequest,
		`{"jsonrpc":"2.0","id":1,"method":"a","params":7}`:  rpc.CodeInvalidRequest,
	} {
		m, e := rpc.Decode([]byte(body))
		if code, bad := want.(int); bad {
			if e == nil || e.Code != code {
				t.Errorf("%s: want code %d, have %v", body, code, e)
			}
			continue
		}
		if e != nil {
			t.Errorf("%s: %v", body, e)
		} else if diff := cmp.Diff(want, m); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

func TestWhatIsWrittenCanBeRead(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := rpc.NewWriter(&b)
	for _, err := range []error{w.Answer("1", nil), w.Fail("", rpc.Errorf(rpc.CodeParse, "<&>")), w.Notify("n", []int{1}), w.Call("c", nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r := rpc.NewReader(&b, 0)
	for _, want := range []string{
		`{"id":1,"jsonrpc":"2.0","result":null}`, `{"error":{"code":-32700,"message":"<&>"},"id":null,"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","method":"n","params":[1]}`, `{"id":"belay-1","jsonrpc":"2.0","method":"c","params":null}`,
	} {
		if got, err := r.Frame(); err != nil || string(got) != want {
			t.Errorf("want %s, have %s, %v", want, got, err)
		}
	}
}

// FuzzFrames holds that no bytes panic, and that what is read fits the limit.
func FuzzFrames(f *testing.F) {
	for _, seed := range []string{frame(`{"jsonrpc":"2.0","id":1,"method":"a"}`), frame("") + frame("x"), "Content-Length: 3\r\n\r\n", "A:\n\n", "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := rpc.NewReader(bytes.NewReader(data), 64)
		for range len(data) + 1 {
			body, err := r.Frame()
			if errors.Is(err, rpc.ErrTooLong) {
				continue
			} else if err != nil {
				return
			}
			if len(body) > 64 {
				t.Fatalf("%d bytes", len(body))
			}
			if m, e := rpc.Decode(body); e == nil && !m.Answer && m.Method == "" {
				t.Fatalf("a message without a method: %s", body)
			}
		}
		t.Fatal("more frames than bytes")
	})
}
