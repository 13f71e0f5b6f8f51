// Package pos says where in which text something was written: File, Pos, Span. It imports nothing of ours.
//
// Lines and columns begin at 1; columns count characters (code points), as editors do. A File that is not
// a file, such as the command-line override "-p lr=1e-5", is Inline: it has a name but no lines.
package pos
