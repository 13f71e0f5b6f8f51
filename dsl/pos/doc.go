// Package pos says where in which text something was written. It imports nothing of ours.
//
//	bytes -> NewFile -> File; offsets -> Of -> Span (two Pos) -> diagnostics, origins of values
//
// # File
//
// A text with the name that messages show. A File that is not a file, such as the command-line override
// "-p lr=1e-5", is inline: it has a name but no lines.
//
// # Pos and Span
//
// Lines and columns begin at 1; columns count characters (code points), as editors do.
package pos
