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
// their neighbours. Edges that a longer path implies are drawn faint. Collapsed draws one box for the many cells of a
// matrix, with their states counted.
//
// # Plot
//
// A line chart of one metric, one line an instance of the stage, in the page or as a picture of its own. Lines differ in
// colour and marker, beyond eight in dashes too; of more than can be told apart, some are drawn. What jumps and falls
// steeply, as a loss does, is smoothed and gets a logarithmic axis, unless the caller says otherwise. NaN and infinite
// values break the line and are marked at the bottom.
//
// # Matrix
//
// The sheets of package sheet as tables, the best value of a metric marked. Comparison is a page of them with their
// plots, for one run or several.
//
// # Score card
//
// One headline metric of one task over the stages that measured it. What they are compared with is the
// stage that lies least deep in the graph, when the others lie deeper: the model before training, wherever
// the recipe writes it. [0, 1] is shown as a percentage; of losses and perplexities less is better.
//
// # Table
//
// Tables of one title and columns are shown together: those of training stages one below the other, those
// with the same first column (the same prompts, say) side by side, all others alone.
//
// # Page
//
// The score from first to best and what went wrong come first, then scores by subject, the graph, curves,
// tables, the time line, and every stage with what it was made from, folded. Colours follow the reader's
// light or dark setting, and every state also has a sign.
//
// The page of a large run stays small: stages with many instances are folded by name and all but the first and the
// failed ones told briefly, long tables and time lines are cut and say so, failures with one cause stand once. It is
// readable on a phone: only tables and pictures scroll sideways.
//
// All text of stages passes html/template or xml escaping. To add a section, extend page in page.go and
// report.tmpl.html; metrics are known by name in sheet.LessIsBetter, steep,
// place and title.
package report
