// Package report draws a run: as one HTML page without scripts and without a reference to anything
// outside itself, and its graph as SVG, dot, Mermaid and text.
//
//	record.Run -> Graph -> layers -> SVG   \
//	           -> curves -> charts (SVG)    -> HTML
//	           -> tables, bars, details    /
//
// # Graph
//
// Nodes and edges with states, as a recipe or a run has them. SVG places nodes in layers by their
// longest path from a source, orders each layer to have few crossings and lines nodes up with
// their neighbours. Edges that a longer path implies are drawn faint.
//
// # Chart
//
// A line chart of one metric, one series an instance of the stage. NaN and infinite values break
// the line and are marked at the bottom.
//
// # Page
//
// What went wrong first, then scores, the graph, curves, the time line and every stage with what it was made
// from. Colours follow the reader's light or dark setting, and every state also has a sign.
//
// All text of stages passes html/template or xml escaping. To add a section, extend page in page.go and
// report.tmpl.html.
package report
