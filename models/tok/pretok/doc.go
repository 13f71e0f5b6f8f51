// Package pretok cuts text into the pieces that a vocabulary's merges work on.
//
//	text -> Pattern.Spans -> Behavior -> spans -> pieces
//
// # Scanner
//
// A hand-written matcher of one of the well-known patterns (GPT-2, Llama 3, Qwen 2, Bloom, DeepSeek V3), or of runs of
// one class of runes (runs.go), several times as fast as a regular expression engine and equal to it, which the tests
// check on random text.
//
// # Pattern
//
// Anything that finds matches in a text: a Scanner, a literal, a predicate on runes, or a regular expression.
// Regex picks the Scanner of a pattern that it knows and otherwise compiles it with regexp2, after
// rewriting what the reference's engine (Oniguruma) writes or means differently.
//
// # Behavior
//
// What becomes of matches and of the text between them, by the names of tokenizer.json.
//
// Invariants: spans are in order and do not overlap; a text ends where the string ends, so that
// look-ahead never sees beyond a piece; an invalid byte counts as one rune that is neither letter,
// number nor blank.
//
// To add a well-known pattern, write its Scanner in one file, put it in the list in known.go and in
// the table of scanner_test.go.
package pretok
