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
// Document. It has no state that changes, so many goroutines may share it. encoder is what the handlers
// have in common: the memory of one Encode is kept for the next. Documents lie in a Memory, which its owner empties when
// they are written.
//
//	record -> Handler.Encode -> conversation -> chat.Dialogue -> Document{texts or samples}, or a reason to leave the record out
//
// # Columns
//
// A mapping finds the columns by their roles. What a style cannot do without is in Columns; query, history,
// system and tools are in Optional, and read where the data has a column of that name.
//
// # Compat
//
// With Options.Compat a handler reproduces what RC3 writes, its defects included; where RC3 stops, so
// does the handler. TestDefects lists them one by one, with what belay makes of the record and what
// compat keeps.
//
// # Adding a handler
//
// One file here, one line in all.go.
package handler
