package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/tok/config"
)

func TestTheClassComesFromTheModelWhereTheTokenizerNamesNone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ own, model, class, bos string }{
		{`{"tokenizer_class":"GemmaTokenizerFast"}`, `{"model_type":"llama"}`, "GemmaTokenizer", "<bos>"},
		{`{}`, `{"model_type":"mistral"}`, "LlamaTokenizer", "<s>"},
		{`{"bos_token":"<b>"}`, `{"model_type":"llama"}`, "LlamaTokenizer", "<b>"},
		{`{}`, `{"model_type":"odd","tokenizer_class":"BloomTokenizerFast"}`, "BloomTokenizer", "<s>"},
		{`{}`, `broken`, "", ""},
		{`{}`, ``, "", ""},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{config.File: c.own, "config.json": c.model} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := config.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got.Class != c.class || got.Token("bos_token") != c.bos {
			t.Errorf("%s and %s: class %q, bos %q", c.own, c.model, got.Class, got.Token("bos_token"))
		}
	}
}

func TestMistakesNameTheMember(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[`:                                       config.File,
		`{"add_bos_token":"yes"}`:                 "add_bos_token",
		`{"eos_token":3}`:                         "eos_token",
		`{"legacy":1}`:                            "legacy",
		`{"added_tokens_decoder":{"x":{}}}`:       "added_tokens_decoder",
		`{"added_tokens_decoder":{"-1":{}}}`:      "added_tokens_decoder",
		`{"added_tokens_decoder":{"1":null}}`:     "added_tokens_decoder",
		`{"additional_special_tokens":"<x>"}`:     "additional_special_tokens",
		`{"additional_special_tokens":[["<x>"]]}`: "additional_special_tokens",
	} {
		if _, err := config.Parse([]byte(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", text, err)
		}
	}
	if _, err := config.Parse(nil, []byte(`{"pad_token":[]}`)); err == nil || !strings.Contains(err.Error(), "pad_token") {
		t.Errorf("map: error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"tokenizer_class":"LlamaTokenizerFast","added_tokens_decoder":{"3":{"content":"<x>","lstrip":true}},"eos_token":{"content":"</s>"}}`), []byte(`{"pad_token":"<p>"}`))
	f.Add([]byte(`{"additional_special_tokens":["a",null,{"content":""}]}`), []byte(nil))
	f.Fuzz(func(t *testing.T, own, more []byte) {
		c, err := config.Parse(own, more)
		if err != nil {
			return
		}
		for _, r := range c.Roles {
			if r.Text == "" {
				t.Errorf("%s has an empty token", r.Key)
			}
		}
	})
}
