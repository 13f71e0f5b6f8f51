package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/open"
)

func newTokenize(a *app) *cobra.Command {
	var dir string
	var slow bool
	var d direction
	c := &cobra.Command{
		Use:   "tokenize --tokenizer DIR",
		Short: "Turn text into token ids, and back",
		Long: `Read JSON lines {"text": ...} and write {"ids": [...]}; with --decode read {"ids": [...]} and write
{"text": ...}.

The tokenizer is that of a Hugging Face directory: tokenizer.json where it is, else tokenizer.model (SentencePiece, or
GLM-4's ranks), *.tiktoken, vocab.json with merges.txt, or vocab.txt. --slow takes tokenizer.json last, as the reference
does with --tokenizer-not-use-fast.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			opening := open.Dir
			if slow {
				opening = open.Slow
			}
			t, err := opening(dir)
			if err != nil {
				return fault.Wrap(fault.Data, err)
			}
			endAtOnce()
			return fault.Wrap(fault.Data, tokenize(a.stdin, a.stdout, t, d))
		},
	}
	c.Flags().StringVar(&dir, "tokenizer", "", "directory of the tokenizer")
	c.Flags().BoolVar(&slow, "slow", false, "prefer tokenizer.model and the like to tokenizer.json")
	c.Flags().BoolVar(&d.special, "special", true, "let the tokenizer add its special tokens")
	c.Flags().BoolVar(&d.decode, "decode", false, "turn ids into text")
	c.Flags().BoolVar(&d.skip, "skip-special", false, "leave special tokens out of decoded text")
	if err := c.MarkFlagRequired("tokenizer"); err != nil {
		panic(err)
	}
	return c
}

// direction says what tokenize does with a record.
type direction struct {
	special bool // encoding adds special tokens
	decode  bool
	skip    bool // decoding leaves special tokens out
}

// tokenize works line by line, so that it can stand in a pipe. Empty lines are passed over.
func tokenize(r io.Reader, w io.Writer, t tok.Tokenizer, d direction) error {
	in := bufio.NewReaderSize(r, 1<<20)
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if text := bytes.TrimSpace(line); len(text) > 0 {
			v, err := d.record(text, t)
			if err != nil {
				return errors.Join(fmt.Errorf("read line %d of standard input: %w", n, err), out.Flush())
			}
			if err := enc.Encode(v); err != nil {
				return err
			}
		}
		if in.Buffered() == 0 { // nothing waits: the reader of a pipe gets what there is
			if err := out.Flush(); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read line %d of standard input: %w", n, err)
		}
	}
}

// record turns one line over.
func (d direction) record(text []byte, t tok.Tokenizer) (any, error) {
	var line struct {
		Text *string `json:"text"`
		IDs  []int32 `json:"ids"`
	}
	if !utf8.Valid(text) {
		at := 0
		for r, size := utf8.DecodeRune(text); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRune(text[at:]) {
			at += size
		}
		return nil, fmt.Errorf("byte %d is not UTF-8", at+1)
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return nil, err
	}
	switch {
	case d.decode && line.IDs == nil:
		return nil, errors.New("the record has no \"ids\"")
	case d.decode:
		return map[string]string{"text": t.Decode(line.IDs, d.skip)}, nil
	case line.Text == nil:
		return nil, errors.New("the record has no \"text\"")
	}
	ids := t.Encode(nil, *line.Text, d.special)
	if ids == nil {
		ids = []int32{}
	}
	return map[string][]int32{"ids": ids}, nil
}
