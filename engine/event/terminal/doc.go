// Package terminal shows a run to the person who started it.
//
//	Event -> Printer -> a line per finished stage, and below them a bar per running one
//
// # Printer
//
// On a terminal (Live) the running stages keep lines at the bottom, redrawn in place with done, rate
// and time left. Elsewhere every change of state is one line, and progress one line a stage every ten
// seconds at most. Time comes from the events, so a printer can be tested, and replayed, at any speed.
//
// Text of stages is shown without control characters: a log line cannot move the cursor.
package terminal
