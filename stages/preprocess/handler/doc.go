// Package handler turns records into token sequences, one file a kind of record.
//
// # Kind
//
// All lists the kinds: a style's short name, the reference's name for it (--handler-name), and how to
// make its Handler.
//
// # Handler
//
// A Handler says which columns it reads and which parallel fields it writes, and encodes a Record to a
// Document. It has no state that changes, so many goroutines may share it.
//
//	record -> Handler.Encode -> Document{field -> sequences}, or a reason to leave the record out
//
// # Compat
//
// With Options.Compat a handler reproduces what RC3 writes, its defects included; where RC3 stops, so
// does the handler. Without it every deviation is on purpose: mapped history is used, an end of
// document that is there already is not doubled, records without an answer are left out with a
// reason, and prompts are masked by where the answer was put rather than by searching for a heading.
//
// # Adding a handler
//
// One file here, one line in all.go.
package handler
