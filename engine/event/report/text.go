package report

import (
	"fmt"
	"io"
	"strings"
)

// Text lists a graph for a terminal: a line a node, with what it reads.
func Text(w io.Writer, g Graph) error {
	g = g.clean()
	reads := make([][]string, len(g.Nodes))
	for _, e := range g.Edges {
		name := visible(g.Nodes[e.From].ID)
		switch {
		case e.Gate:
			name += " (gate)"
		case e.Order:
			name += " (order)"
		}
		reads[e.To] = append(reads[e.To], name)
	}
	wide, kinds := 0, 0
	for _, n := range g.Nodes {
		wide, kinds = max(wide, len([]rune(visible(n.ID)))), max(kinds, len([]rune(n.Kind)))
	}
	wide = min(wide, 48) // one long name does not push all lines apart
	var b strings.Builder
	for i, n := range g.Nodes {
		mark := sign(n.State)
		if mark == "" {
			mark = "○"
		}
		line := fmt.Sprintf("%s %-*s  %-*s", mark, wide, visible(n.ID), kinds, visible(n.Kind))
		if s := strings.Join(filled(n.State, visible(n.Detail)), " "); s != "" {
			line += "  " + s
		}
		if len(reads[i]) > 0 {
			line += "  ← " + strings.Join(reads[i], ", ")
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// visible is a text on one line, without control characters.
func visible(s string) string { return strings.ReplaceAll(lines(s), "\n", " ") }

// lines drops control characters, but for line ends, and those that turn the direction of what follows.
func lines(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' && r != '\n', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// Dot writes a graph for Graphviz.
func Dot(w io.Writer, g Graph) error {
	g = g.clean()
	var b strings.Builder
	b.WriteString("digraph " + quoteDot(g.Title) + " {\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f3f5f8\", fontname=\"sans-serif\"];\n")
	fill := map[string]string{"done": "#e4f6ea", "fresh": "#e8f1fc", "running": "#fff5da", "failed": "#fde8e7"}
	for i, n := range g.Nodes {
		label := strings.Join(filled(visible(n.ID), strings.Join(filled(visible(n.Kind), n.State, visible(n.Detail)), " ")), "\n")
		attr := ""
		if c := fill[tone(n.State)]; c != "" {
			attr = ", fillcolor=" + quoteDot(c)
		}
		fmt.Fprintf(&b, "  n%d [label=%s%s];\n", i, quoteDot(label), attr)
	}
	for _, e := range g.Edges {
		attr := ""
		switch {
		case e.Gate:
			attr = " [style=dashed, label=gate]"
		case e.Order:
			attr = " [style=dashed]"
		}
		fmt.Fprintf(&b, "  n%d -> n%d%s;\n", e.From, e.To, attr)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// quoteDot is a quoted string of the dot language, in which the quote and the backslash are special, and entities are
// read.
func quoteDot(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "&", "&amp;").Replace(s) + `"`
}

// Mermaid writes a graph for Mermaid, which Markdown viewers draw.
func Mermaid(w io.Writer, g Graph) error {
	g = g.clean()
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	for i, n := range g.Nodes {
		label := quoteMermaid(visible(n.ID))
		if k := strings.Join(filled(visible(n.Kind), n.State, visible(n.Detail)), " "); k != "" {
			label += "<br/>" + quoteMermaid(k)
		}
		class := ""
		if t := tone(n.State); t != "none" {
			class = ":::" + t
		}
		fmt.Fprintf(&b, "  n%d[\"%s\"]%s\n", i, label, class)
	}
	for _, e := range g.Edges {
		arrow := "-->"
		switch {
		case e.Gate:
			arrow = "-. gate .->"
		case e.Order:
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "  n%d %s n%d\n", e.From, arrow, e.To)
	}
	b.WriteString("  classDef done fill:#e4f6ea,stroke:#2e9e5b,color:#1c2330\n")
	b.WriteString("  classDef fresh fill:#e8f1fc,stroke:#4a86cf,color:#1c2330\n")
	b.WriteString("  classDef running fill:#fff5da,stroke:#d09a10,color:#1c2330\n")
	b.WriteString("  classDef failed fill:#fde8e7,stroke:#d33f3a,color:#1c2330\n")
	b.WriteString("  classDef waiting fill:#fff,stroke:#98a1b0,color:#1c2330,stroke-dasharray:5 4\n")
	b.WriteString("  classDef skipped fill:#f3f5f8,stroke:#b9c1cd,color:#5d6778,stroke-dasharray:2 4\n")
	b.WriteString("  classDef cancelled fill:#fff5da,stroke:#d09a10,color:#1c2330,stroke-dasharray:5 4\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// quoteMermaid writes what would end a quoted label as character codes.
func quoteMermaid(s string) string {
	return strings.NewReplacer("#", "#35;", "&", "#amp;", "%", "#37;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "`", "#96;").Replace(s)
}
