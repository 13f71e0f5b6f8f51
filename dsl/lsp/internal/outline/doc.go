// Package outline reads the structure of a YAML text that somebody is typing: it never refuses. Where YAML's own rules
// fail (an open bracket, a key without a colon), indentation decides.
//
//	text -> Parse -> Node (keys, values, bytes) -> Locate an offset -> Place (path, key or value)
//
// # Node
//
// A scalar, list or map with the bytes it covers. Scalars are as written: the text inside the quotes, escapes untouched.
//
// # Pair
//
// A key and its value. A line without a colon inside a map is a pair without one: a key that is being typed. As the only content of
// a value it is a scalar that says it may be a key.
//
// # Invariants
//
// Every offset lies inside the text, work is linear in it, and on YAML that package ast accepts both see the same keys, kinds and
// places (tested; anchors, tags and documents of several lines of plain text aside).
//
// # Why
//
// Package ast reads whole, right documents, through yaml.v3, which gives nothing for a document with a mistake. A document is wrong
// most of the time while it is typed.
package outline
