// Package view shows people what a token index holds.
//
//	folder or prefix -> Look -> View -> Page (one HTML file), or a command's text and JSON
//
// # View and Set
//
// A View is what lies at a path: the manifest, where there is one, and Sets. A Set is what belongs together: an index
// of running text, or the ids, mask and labels of instructions (twice, for pairs).
//
// # Sample and Token
//
// A Sample is a document of running text, a sequence of instructions, or a pack of those. Each Token says what becomes
// of it in training: it is trained, only read, or padding; and whether something begins at it.
//
// # Invariants
//
// Memory goes with what is shown, never with the index: ids of other samples are not read, lengths are counted.
// A Page needs no other file and no network.
//
// # Where to add things
//
// A fact about a whole index: facts.go. What becomes of a token: a Use in sample.go, and its colour in page.html.
package view
