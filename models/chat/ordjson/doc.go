// Package ordjson reads JSON without losing the order of keys or the spelling of numbers, and writes
// it as Python's json.dumps does.
//
// # Value
//
// A value is nil, bool, string, Number, []any or *Object; one from other formats than JSON may be Opaque.
//
//	bytes -> Parse -> value -> Dump -> text as Python writes it
//
// Parse is strict (RFC 8259, UTF-8 only, no lone surrogates, bounded depth) and names the byte where
// an input is wrong. Of keys that stand twice the last value counts, at the place of the first.
package ordjson
