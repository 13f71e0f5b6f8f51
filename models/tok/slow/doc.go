// Package slow reads tokenizer.model as transformers' Python ("slow") classes do.
//
//	text -> added tokens -> SentencePiece (package spm) -> bos, eos or prefix -> ids
//	ids -> special tokens apart -> SentencePiece -> text
//
// # Class
//
// What a tokenizer_class does around the library: Llama (legacy and not), Code Llama, Gemma, Baichuan, InternLM and
// InternLM 2, ChatGLM 2 and 3 with its tokens behind the vocabulary. A directory that names no class at all is the
// bare library. A further class is one case in classOf.
//
// # Tokenizer
//
// Added tokens are cut out of a text by Python's rules, which differ from those of tokenizer.json: single_word glues
// the token to its neighbours unless they end with a blank, and nothing is normalised first.
//
// clean_up_tokenization_spaces is not applied: it is lossy. A token that is added gets the next free id, where
// transformers' ChatGLM class would reuse one that is taken.
//
// Invariants: a Tokenizer is immutable and safe for concurrent use; nothing is allocated in Encode once warm for
// texts without added tokens.
package slow
