package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/tok/open"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/corpus/view"
)

// indexFlags say how a token index is shown.
type indexFlags struct {
	tokenizer string
	sample    int
	samples   int
	tokens    int
	html      string
	set       *pflag.FlagSet
}

func (f *indexFlags) add(to *pflag.FlagSet) {
	f.set = to
	to.StringVar(&f.tokenizer, "tokenizer", "", "directory with the tokenizer that turns a token index's ids into text")
	to.IntVar(&f.sample, "sample", 0, "number of the first sample of a token index that is shown; alone, that sample is shown whole")
	to.IntVar(&f.samples, "samples", 3, "how many samples of a token index are shown")
	to.IntVar(&f.tokens, "tokens", 256, "how many tokens of each sample are shown; 0 for all")
	to.StringVar(&f.html, "html", "", "write a page that shows a token index to this file, \"-\" for standard output")
}

// given names the flags that were set and mean something for token indexes only.
func (f *indexFlags) given() []string {
	var out []string
	for _, name := range []string{"tokenizer", "sample", "samples", "tokens", "html"} {
		if f.set.Changed(name) {
			out = append(out, "--"+name)
		}
	}
	return out
}

// options are what the flags ask for.
func (f *indexFlags) options(path string) (view.Options, error) {
	o := view.Options{First: f.sample, Samples: f.samples, Tokens: f.tokens}
	if f.sample < 0 || f.samples < 0 || f.tokens < 0 {
		return o, fault.New(fault.Usage, "--sample, --samples and --tokens are counts, not negative")
	}
	if f.set.Changed("sample") {
		if !f.set.Changed("samples") {
			o.Samples = 1
		}
		if !f.set.Changed("tokens") && o.Samples == 1 {
			o.Tokens = 0
		}
	}
	if f.html != "" {
		if !f.set.Changed("samples") && !f.set.Changed("sample") {
			o.Samples = 20
		}
		if !f.set.Changed("tokens") {
			o.Tokens = 4096
		}
	}
	if f.tokenizer == "" {
		return o, nil
	}
	t, err := open.Dir(f.tokenizer)
	if err != nil {
		return o, fault.Wrap(fault.Data, err)
	}
	o.Tokenizer = t
	// A template may have added tokens.
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		path = filepath.Dir(path)
	}
	if m, err := corpus.ReadManifest(path); err == nil && m.Template != "" {
		if tmpl, err := chat.Load(m.Template); err == nil {
			if b, err := tmpl.Bind(t, chat.Options{Compat: m.Compat != ""}); err == nil {
				o.Tokenizer = b.Tokenizer()
			}
		}
	}
	return o, nil
}

// look shows a token index.
func (f *indexFlags) look(path string) (*view.View, error) {
	o, err := f.options(path)
	if err != nil {
		return nil, err
	}
	v, err := view.Look(path, o)
	if err != nil {
		return nil, fault.Wrap(fault.Data, err)
	}
	most := 0
	for _, s := range v.Sets {
		most = max(most, s.Total)
	}
	if o.First >= most && o.First > 0 {
		return nil, fault.New(fault.Usage, "--sample %d: there are %d, counted from 0", o.First, most)
	}
	return &v, nil
}

// page writes the page to the file that --html names.
func (a *app) page(v *view.View, path string) error {
	if path == "-" {
		return v.Page(a.stdout)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	defer os.Remove(f.Name())
	err = v.Page(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	a.say("wrote " + path)
	return nil
}

// indexText shows a token index as text. Trained tokens are green where there are colours, and in braces where not.
func indexText(w io.Writer, v *view.View, ink ink) error {
	var rows [][]string
	for _, f := range v.Facts() {
		rows = append(rows, []string{"  " + f.Name, f.Value})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	for _, s := range v.Sets {
		var names []string
		for _, x := range s.Indexes {
			names = append(names, x.Name+" "+x.DType)
		}
		fmt.Fprintf(w, "  %s (%s): %s\n", ink.bold(s.Name), s.Kind, s.Facts())
		fmt.Fprintln(w, "    "+ink.dim(strings.Join(names, ", ")))
		if len(s.Lengths.Bins) > 1 {
			fmt.Fprintf(w, "    lengths 0 %s %d\n", sparks(s.Lengths.Bins), s.Lengths.Longest)
		}
		for _, one := range s.Samples {
			fmt.Fprintf(w, "    sample %d, %s\n", one.Number, one.Sum())
			for _, line := range strings.Split(sampleText(one, ink), "\n") {
				fmt.Fprintln(w, "      "+line)
			}
		}
	}
	return nil
}

// sparks is a histogram in one line.
func sparks(bins []int64) string {
	const levels = "▁▂▃▄▅▆▇█"
	most := int64(1)
	for _, n := range bins {
		most = max(most, n)
	}
	var b strings.Builder
	for _, n := range bins {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune([]rune(levels)[n*7/most])
	}
	return b.String()
}

// sampleText is the tokens of a sample: runs of trained ones, bars where parts begin, padding as a count.
func sampleText(s view.Sample, ink ink) string {
	var b strings.Builder
	for i := 0; i < len(s.Tokens); {
		t := s.Tokens[i]
		end := i + 1
		for end < len(s.Tokens) && s.Tokens[end].Use == t.Use && s.Tokens[end].Begins == view.Inside {
			end++
		}
		if t.Begins != view.Inside {
			b.WriteString(ink.bold("\n|"))
		}
		if t.Use == view.Padding {
			b.WriteString(ink.dim(fmt.Sprintf("[padding x %d]", end-i)))
		} else {
			b.WriteString(runText(s.Tokens[i:end], ink))
		}
		i = end
	}
	if s.Left() > 0 {
		b.WriteString(ink.dim(fmt.Sprintf(" ... %d more", s.Left())))
	}
	return b.String()
}

// runText is a run of tokens of one use. Without a tokenizer their ids are shown.
func runText(tokens []view.Token, ink ink) string {
	var b strings.Builder
	open, end, code := "", "", "2"
	if tokens[0].Use == view.Trained {
		open, end, code = "{", "}", "32"
	}
	if ink {
		open, end = "", ""
	}
	b.WriteString(open)
	for i, t := range tokens {
		text := t.Text
		if text == "" && !named(tokens) {
			text = fmt.Sprint(t.ID)
			if i > 0 {
				text = " " + text
			}
		}
		one := code
		if t.Special {
			one += ";1;35"
		}
		for k, line := range strings.Split(text, "\n") {
			if k > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(ink.paint(one, line))
		}
	}
	b.WriteString(end)
	return b.String()
}

// named says whether tokens have texts.
func named(tokens []view.Token) bool {
	for _, t := range tokens {
		if t.Text != "" {
			return true
		}
	}
	return false
}
