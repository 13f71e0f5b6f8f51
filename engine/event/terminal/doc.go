// Package terminal shows a run to the person who started it.
//
//	Event -> Printer -> a line per finished stage, and below them the tree of what runs and waits
//
// # Printer
//
// On a terminal (Live) the last lines are drawn in place, elsewhere every change of state is one line, and progress one line a
// stage every ten seconds at most. Time comes from the events, so a printer can be tested, and replayed, at any speed.
//
// # Frame
//
// The live lines: running stages with bar, rate and time left below headers of their groups (a sub-recipe, a matrix), the next
// waiting ones, and a line for the whole run with the time left by pace and by last durations. What is finished stands above,
// in lasting lines. A frame never has more lines than the screen, nor longer ones, and is one write; there are ten a second
// at most. Lasting lines wait for the next frame. After a change of the terminal's width the old frame is taken away with
// the rows that it has been wrapped to.
//
// # Invariants
//
// Text of stages is shown without control characters: a log line cannot move the cursor. Nothing of a frame is left behind.
package terminal
