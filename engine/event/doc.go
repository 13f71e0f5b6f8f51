// Package event carries what happens in a run from stages and the scheduler to people and files.
//
//	stage, scheduler -> Event -> Sink: terminal progress, plain lines, JSON lines, run.json, report.html
//
// # Event
//
// States, progress, curve points, tables and log lines. Keys of structured data are fixed: stage, key,
// artifact, rank, step, tokens, loss, lr, gnorm, tps.
//
// # Sink
//
// Takes events from any goroutine. Tee joins several. Logger writes events as zerolog lines, Marshal makes
// one a line of JSON.
//
// # Sub packages
//
// terminal: a live tree on a terminal, plain lines elsewhere. record: a run's events.jsonl and run.json, written
// and read. report: run.json as one HTML page, plots of curves, and graphs as SVG, dot, mermaid and text. sheet: results
// of matrix cells and of runs as one table. contrast: two runs, or two stages, side by side. export: a run in forms that
// others read. hook: tells commands and web addresses that a run has ended.
//
// To add a sink, write a type with Emit in a sub package and join it in cmd with Tee.
package event
