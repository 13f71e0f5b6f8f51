package inference

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/models/decoder/generate"
	"github.com/belay-ml/belay/models/decoder/sample"
	"github.com/belay-ml/belay/models/hfconfig"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

func runner(t *testing.T, change func(c *hfconfig.Config)) *Runner {
	t.Helper()
	cfg := tiny.Config()
	if change != nil {
		change(&cfg)
	}
	dir := tiny.Model(t, cfg, dtype.F32)
	be := cpu.New(2)
	t.Cleanup(func() { be.Close() })
	r, err := Open(be, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSharedContextsAndAnyBatchGiveTheSameScores(t *testing.T) {
	t.Parallel()
	r := runner(t, nil)
	var requests []Request
	for i := range 6 {
		for _, c := range []string{" the", " red", "x", " and so on"} {
			requests = append(requests, Request{Context: strings.Repeat("Is it red? ", i+1), Continuation: c})
		}
	}
	requests = append(requests, Request{Continuation: "no context"})
	var last int
	want, err := r.LogLikelihood(t.Context(), requests, 4096, func(done int) { last = done })
	if err != nil || last != len(requests) {
		t.Fatalf("%d of %d done, error %v", last, len(requests), err)
	}
	for _, batch := range []int{1, 70, 200} {
		have, err := r.LogLikelihood(t.Context(), requests, batch, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range have {
			if math.Abs(have[i].LogProb-want[i].LogProb) > 1e-5 || have[i].Greedy != want[i].Greedy {
				t.Errorf("batch %d, request %d: %+v, want %+v", batch, i, have[i], want[i])
			}
		}
	}
	for i, q := range requests[:24] {
		alone, err := r.LogLikelihood(t.Context(), []Request{q}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(alone[0].LogProb-want[i].LogProb) > 1e-5 || alone[0].Greedy != want[i].Greedy || alone[0].Tokens != want[i].Tokens {
			t.Errorf("request %d alone: %+v, want %+v", i, alone[0], want[i])
		}
	}
}

func TestContextsGivenAsIDs(t *testing.T) {
	t.Parallel()
	r := runner(t, nil)
	text := "Is it red?"
	scores, err := r.LogLikelihood(t.Context(), []Request{
		{Context: text, Continuation: " red"},
		{IDs: r.Tokenizer.Encode(nil, text, false), Continuation: " red"},
	}, 100, nil)
	if err != nil || scores[0] != scores[1] {
		t.Errorf("%+v, error %v", scores, err)
	}
}

func TestBlanksMoveToTheContinuation(t *testing.T) {
	t.Parallel()
	e := encoder{runner: runner(t, nil)}
	for _, context := range []string{"Answer: ", "Answer:\u00a0", "Answer:\x1c\n "} {
		p, err := e.encode(Request{Context: context, Continuation: "red"})
		if err != nil {
			t.Fatal(err)
		}
		if have := e.runner.Tokenizer.Decode(p.context, false); have != "Answer:" {
			t.Errorf("%q: context %q", context, have)
		}
		if have := e.runner.Tokenizer.Decode(p.continuation, false); have != strings.TrimPrefix(context, "Answer:")+"red" {
			t.Errorf("%q: continuation %q", context, have)
		}
	}
}

func TestRequestsThatCannotBeScored(t *testing.T) {
	t.Parallel()
	small := runner(t, func(c *hfconfig.Config) { c.Vocab = 262 })
	short := runner(t, func(c *hfconfig.Config) { c.MaxPositions = 4 })
	for _, c := range []struct {
		name, want string
		r          *Runner
		q          Request
	}{
		{"nothing to score", "no tokens of its own", short, Request{Context: "a"}},
		{"a context of no tokens", "has no tokens", short, Request{Context: "", IDs: []int32{}, Continuation: "b"}},
		{"longer than the window", "the continuation has 5 tokens, the model's window is 4", short, Request{Context: "ab", Continuation: "cdefg"}},
		{"a tokenizer of another model", "outside the model's vocabulary of 262", small, Request{Context: "a", Continuation: tiny.IMEnd}},
	} {
		_, err := c.r.LogLikelihood(t.Context(), []Request{c.q}, 100, nil)
		if fault.CodeOf(err) != fault.Data || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: code %d, error %v", c.name, fault.CodeOf(err), err)
		}
	}
	// Three choices of one shared context: the id must be refused before it indexes the logits.
	_, err := small.LogLikelihood(t.Context(), []Request{{Context: "a", Continuation: "b"}, {Context: "a", Continuation: tiny.EOS}}, 100, nil)
	if fault.CodeOf(err) != fault.Data {
		t.Errorf("shared context: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := short.LogLikelihood(ctx, []Request{{Context: "a", Continuation: "b"}}, 100, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestWeightsThatAreNotNumbersAreAnError(t *testing.T) {
	t.Parallel()
	r := runner(t, nil)
	p := r.Model.Params()
	x := make([]float32, p[0].Len())
	for i := range x {
		x[i] = float32(math.NaN())
	}
	r.Model.Backend().Upload(p[0].Data, x)
	_, err := r.LogLikelihood(t.Context(), []Request{{Context: "a", Continuation: "b"}, {Context: "a", Continuation: "c"}}, 100, nil)
	if fault.CodeOf(err) != fault.Compute {
		t.Errorf("code %d, error %v", fault.CodeOf(err), err)
	}
}

func prompts(r *Runner, texts ...string) [][]int32 {
	var out [][]int32
	for _, t := range texts {
		out = append(out, r.Tokenizer.Encode(nil, t, true))
	}
	return out
}

func options(n int) generate.Options {
	return generate.Options{Params: sample.Defaults(), MaxNewTokens: n}
}

func TestCompleteStopsAtTexts(t *testing.T) {
	t.Parallel()
	r := runner(t, func(c *hfconfig.Config) { c.EOS = nil })
	ids := prompts(r, "one", "two three", "four")
	free, err := r.Complete(t.Context(), ids, options(40), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range free {
		if f.Reason != "length" || len(f.IDs) != 40 {
			t.Fatalf("prompt %d: %+v", i, f)
		}
		runes := []rune(f.Text)
		stop := string(runes[10:13])
		at := strings.Index(f.Text, stop)
		var shown strings.Builder
		got, err := r.Complete(t.Context(), ids[i:i+1], options(40), []string{"never seen", stop}, func(s string) { shown.WriteString(s) })
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Text != f.Text[:at] || got[0].Reason != "stop" || len(got[0].IDs) >= 40 {
			t.Errorf("prompt %d, stop %q: %+v, want the text %q", i, stop, got[0], f.Text[:at])
		}
		if shown.String() != got[0].Text {
			t.Errorf("prompt %d: shown %q, text %q", i, shown.String(), got[0].Text)
		}
	}
}

func TestCompleteShowsAllOfTheText(t *testing.T) {
	t.Parallel()
	r := runner(t, nil)
	var shown []string
	tokens := 0
	opt := options(30)
	opt.Token = func(int, int32) bool { tokens++; return false }
	got, err := r.Complete(t.Context(), prompts(r, "one", "two"), opt, nil, func(s string) { shown = append(shown, s) })
	if err != nil {
		t.Fatal(err)
	}
	if have := strings.Join(shown, ""); have != got[0].Text || len(shown) < 2 {
		t.Errorf("%d pieces %q, text %q", len(shown), have, got[0].Text)
	}
	if tokens != len(got[0].IDs)+len(got[1].IDs) {
		t.Errorf("the caller heard of %d tokens", tokens)
	}
}

func TestCompleteLeavesOutTheTokenThatEnds(t *testing.T) {
	t.Parallel()
	r := runner(t, func(c *hfconfig.Config) { c.EOS = nil })
	ids := prompts(r, "one")
	free, err := r.Complete(t.Context(), ids, options(20), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	opt := options(20)
	opt.EOS = []int32{free[0].IDs[6]} // an ordinary token
	at := slices.Index(free[0].IDs, opt.EOS[0])
	for _, stop := range [][]string{nil, {"never seen"}} {
		got, err := r.Complete(t.Context(), ids, opt, stop, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := Completion{Text: r.Tokenizer.Decode(free[0].IDs[:at], true), IDs: free[0].IDs[:at+1], Reason: "eos"}
		if d := cmp.Diff(want, got[0]); d != "" {
			t.Errorf("stop %v:\n%s", stop, d)
		}
	}
}

func TestEndsAreThoseGivenAndTheModels(t *testing.T) {
	t.Parallel()
	with := runner(t, func(c *hfconfig.Config) { c.EOS = []int32{5, 6} })
	without := runner(t, func(c *hfconfig.Config) { c.EOS = nil })
	if have := with.ends([]int32{6, 9}); !slices.Equal(have, []int32{6, 9, 5}) {
		t.Errorf("given and the config's: %v", have)
	}
	if have := without.ends(nil); !slices.Equal(have, []int32{tiny.Vocab - 3}) {
		t.Errorf("the tokenizer's: %v", have)
	}
}

func TestCompleteRefusesWhatItCannotContinue(t *testing.T) {
	t.Parallel()
	r := runner(t, func(c *hfconfig.Config) { c.Vocab = 262 })
	if _, err := r.Complete(t.Context(), prompts(r, "a", tiny.IMEnd), options(2), nil, nil); fault.CodeOf(err) != fault.Data || !strings.Contains(err.Error(), "prompt 2") {
		t.Errorf("foreign token: %v", err)
	}
	if _, err := r.Complete(t.Context(), prompts(r, "a"), options(2), []string{""}, nil); fault.CodeOf(err) != fault.Recipe {
		t.Errorf("empty stop text: %v", err)
	}
}

// TestStreamEqualsSearchInTheWholeText feeds a text in pieces of any size.
func TestStreamEqualsSearchInTheWholeText(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.RuneFrom([]rune("abé")), 0, 30, -1)
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abé")), 1, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		whole := text.Draw(t, "text")
		stop := rapid.SliceOfN(word, 0, 3).Draw(t, "stop")
		// A stop text that begins earlier may end later: the one that ends first is seen first, or both in one piece.
		want, end, ended := whole, len(whole)+1, false
		for _, w := range stop {
			if at := strings.Index(whole, w); at >= 0 && (at+len(w) < end || at+len(w) == end && at < len(want)) {
				want, end, ended = whole[:at], at+len(w), true
			}
		}
		s := &stream{decoder: tok.NewDecoder(nothing{}, true), stop: stop}
		var shown strings.Builder
		for rest := []rune(whole); len(rest) > 0 && !s.ended; {
			n := rapid.IntRange(1, min(3, len(rest))).Draw(t, "piece")
			s.push(string(rest[:n]))
			s.show(func(p string) { shown.WriteString(p) })
			if !strings.HasPrefix(want, shown.String()) {
				t.Fatalf("showed %q of %q", shown.String(), want)
			}
			rest = rest[n:]
		}
		if s.finish() != ended {
			t.Fatalf("ended %v, want %v", s.ended, ended)
		}
		s.show(func(p string) { shown.WriteString(p) })
		if !ended && (string(s.text) != want || shown.String() != want) {
			t.Fatalf("text %q, shown %q, want %q", s.text, shown.String(), want)
		}
		if shown.String() != string(s.text) {
			t.Fatalf("shown %q, text %q", shown.String(), s.text)
		}
		for _, w := range stop {
			if strings.Contains(string(s.text), w) {
				t.Fatalf("text %q holds the stop text %q", s.text, w)
			}
		}
	})
}

// nothing is a tokenizer that is never asked.
type nothing struct{ tok.Tokenizer }

func TestPlainPromptsTakeOneMessage(t *testing.T) {
	t.Parallel()
	r := runner(t, nil)
	p, err := NewPrompter(r.Tokenizer, hf.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	user := chat.Message{Role: chat.User, Content: "hello"}
	ids, err := p.IDs([]chat.Message{user}, "")
	if err != nil || !slices.Equal(ids, r.Tokenizer.Encode(nil, "hello", true)) {
		t.Errorf("ids %v, error %v", ids, err)
	}
	if _, err := p.IDs([]chat.Message{user}, "be kind"); err == nil || !strings.Contains(err.Error(), "system text needs a template") {
		t.Errorf("system text: %v", err)
	}
	if _, err := p.IDs([]chat.Message{user, user, user}, ""); err == nil || !strings.Contains(err.Error(), "needs a template") {
		t.Errorf("three messages: %v", err)
	}
	q, err := NewPrompter(r.Tokenizer, hf.Choice{Template: "chatml"})
	if err != nil {
		t.Fatal(err)
	}
	ids, err = q.IDs([]chat.Message{user}, "be kind")
	if err != nil {
		t.Fatal(err)
	}
	if text := r.Tokenizer.Decode(ids, false); !strings.Contains(text, "be kind") || !strings.Contains(text, tiny.IMEnd+"\n<|im_start|>user\nhello") {
		t.Errorf("chatml prompt %q", text)
	}
	if !slices.Contains(q.Stops(), tiny.Vocab-1) {
		t.Errorf("stops %v", q.Stops())
	}
	if _, err := NewPrompter(r.Tokenizer, hf.Choice{Template: "no such"}); err == nil {
		t.Error("unknown template: no error")
	}
}
