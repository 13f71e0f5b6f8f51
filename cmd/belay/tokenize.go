package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/open"
)

func newTokenize(a *app) *cobra.Command {
	var dir string
	var special, decode, skip bool
	c := &cobra.Command{
		Use:   "tokenize --tokenizer DIR",
		Short: "Turn text into token ids, and back",
		Long: `Read JSON lines {"text": ...} and write {"ids": [...]}; with --decode read {"ids": [...]} and write
{"text": ...}.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			t, err := open.Dir(dir)
			if err != nil {
				return fault.Wrap(fault.Data, err)
			}
			return fault.Wrap(fault.Data, tokenize(a.stdin, a.stdout, t, special, decode, skip))
		},
	}
	c.Flags().StringVar(&dir, "tokenizer", "", "directory with tokenizer.json")
	c.Flags().BoolVar(&special, "special", true, "let the tokenizer add its special tokens")
	c.Flags().BoolVar(&decode, "decode", false, "turn ids into text")
	c.Flags().BoolVar(&skip, "skip-special", false, "leave special tokens out of decoded text")
	if err := c.MarkFlagRequired("tokenizer"); err != nil {
		panic(err)
	}
	return c
}

// tokenize works line by line, so that it can stand in a pipe.
func tokenize(r io.Reader, w io.Writer, t tok.Tokenizer, special, decode, skip bool) error {
	in := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	out := bufio.NewWriter(w)
	defer out.Flush()
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for n := 1; ; n++ {
		var line struct {
			Text *string `json:"text"`
			IDs  []int32 `json:"ids"`
		}
		if err := in.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read record %d: %w", n, err)
		}
		var err error
		switch {
		case decode && line.IDs == nil:
			err = fmt.Errorf("record %d has no \"ids\"", n)
		case decode:
			err = enc.Encode(map[string]string{"text": t.Decode(line.IDs, skip)})
		case line.Text == nil:
			err = fmt.Errorf("record %d has no \"text\"", n)
		default:
			ids := t.Encode(nil, *line.Text, special)
			if ids == nil {
				ids = []int32{}
			}
			err = enc.Encode(map[string][]int32{"ids": ids})
		}
		if err != nil {
			return err
		}
	}
}
