package sample

import (
	"errors"
	"fmt"
	"math"
)

// Params says how to pick; names and defaults are those of generation_config.json. The zero value is
// not valid: begin with Defaults.
type Params struct {
	DoSample    bool // false takes the maximum
	Temperature float64
	TopK        int     // 0 keeps all
	TopP        float64 // 1 keeps all
	MinP        float64 // 0 keeps all
	TypicalP    float64 // 1 keeps all

	RepetitionPenalty float64 // 1 changes nothing
	NoRepeatNGram     int     // no_repeat_ngram_size; 0 is off
	MinNewTokens      int     // eos cannot come before
	Suppress          []int32 // never chosen
	EOS               []int32

	Seed uint64
}

// Defaults are transformers'.
func Defaults() Params {
	return Params{Temperature: 1, TopK: 50, TopP: 1, TypicalP: 1, RepetitionPenalty: 1}
}

// Check says what is out of range, everything in one error.
func (p Params) Check() error {
	var errs []error
	bad := func(name, want string, have any) {
		errs = append(errs, fmt.Errorf("%s: want %s, have %v", name, want, have))
	}
	if !(p.Temperature > 0) || math.IsInf(p.Temperature, 0) {
		bad("temperature", "a positive number (do_sample: false for greedy)", p.Temperature)
	}
	if p.TopK < 0 {
		bad("top_k", "0 or more", p.TopK)
	}
	if !(p.TopP > 0 && p.TopP <= 1) {
		bad("top_p", "more than 0, at most 1", p.TopP)
	}
	if !(p.MinP >= 0 && p.MinP <= 1) {
		bad("min_p", "0 to 1", p.MinP)
	}
	if !(p.TypicalP > 0 && p.TypicalP <= 1) {
		bad("typical_p", "more than 0, at most 1", p.TypicalP)
	}
	if !(p.RepetitionPenalty > 0) || math.IsInf(p.RepetitionPenalty, 0) {
		bad("repetition_penalty", "a positive number", p.RepetitionPenalty)
	}
	if p.NoRepeatNGram < 0 {
		bad("no_repeat_ngram_size", "0 or more", p.NoRepeatNGram)
	}
	if p.MinNewTokens < 0 {
		bad("min_new_tokens", "0 or more", p.MinNewTokens)
	}
	return errors.Join(errs...)
}
