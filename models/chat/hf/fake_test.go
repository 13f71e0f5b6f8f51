package hf

import "github.com/belay-ml/belay/models/tok/toktest"

func newLetters() toktest.Letters { return toktest.New("<|im_end|>", "<|im_start|>", "<end_of_turn>") }
