package report

import (
	_ "embed"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

//go:embed graph.css
var graphCSS string

// SVG draws a graph as a picture of its own.
func SVG(w io.Writer, g Graph) error {
	_, err := io.WriteString(w, graphSVG(g.clean(), true))
	return err
}

// graphSVG draws a cleaned graph; alone gives it its style and name space.
func graphSVG(g Graph, alone bool) string {
	d := layOut(g)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="graph" viewBox="0 0 %s %s" width="%s" height="%s" role="img"`, num(d.wide), num(d.high), num(d.wide), num(d.high))
	if alone {
		b.WriteString(` xmlns="http://www.w3.org/2000/svg"`)
	} else {
		fmt.Fprintf(&b, ` style="min-width:%spx"`, num(min(d.wide, 240+d.wide*0.4)))
	}
	b.WriteString(">\n")
	fmt.Fprintf(&b, "<title>%s</title>\n", escape("stages of "+g.Title))
	if alone {
		b.WriteString("<style>" + escape(graphCSS) + "</style>\n")
	}
	for k, e := range g.Edges {
		if d.routes[k] == nil {
			d.edge(&b, []int{d.at[e.From], d.at[e.To]}, "edge faint", e)
		}
	}
	for k, e := range g.Edges {
		if d.routes[k] != nil {
			d.edge(&b, d.routes[k], "edge", e)
		}
	}
	for i, n := range g.Nodes {
		d.node(&b, i, n)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// edge draws a smooth line through the spots of a route, and its arrow head.
func (d *drawing) edge(b *strings.Builder, route []int, class string, e Edge) {
	if e.Order {
		class += " order"
	}
	fmt.Fprintf(b, `<path class="%s" d="`, class)
	for i, k := range route {
		s := d.spots[k]
		top, bottom := s.y-nodeHigh/2, s.y+nodeHigh/2
		if i == 0 {
			fmt.Fprintf(b, "M%s %s", num(s.x), num(bottom))
			continue
		}
		p := d.spots[route[i-1]]
		from := p.y + nodeHigh/2
		to := top
		if i == len(route)-1 {
			to -= 5 // the arrow head's length
		}
		half := (to - from) / 2
		fmt.Fprintf(b, " C%s %s %s %s %s %s", num(p.x), num(from+half), num(s.x), num(to-half), num(s.x), num(to))
		if i < len(route)-1 {
			fmt.Fprintf(b, " L%s %s", num(s.x), num(bottom))
		}
	}
	last := d.spots[route[len(route)-1]]
	tip := last.y - nodeHigh/2
	title := d.Nodes[e.From].ID + " → " + d.Nodes[e.To].ID
	if e.Gate {
		title += " (gate)"
	}
	fmt.Fprintf(b, `"><title>%s</title></path>`, escape(title))
	if !strings.Contains(class, "faint") {
		fmt.Fprintf(b, `<path class="head" d="M%s %sl-4 -7h8z"/>`, num(last.x), num(tip))
	}
	b.WriteString("\n")
}

func (d *drawing) node(b *strings.Builder, i int, n Node) {
	s := d.spots[d.at[i]]
	x, y := s.x-s.wide/2, s.y-nodeHigh/2
	if n.Link != "" {
		fmt.Fprintf(b, `<a href="%s">`, escape(n.Link))
	}
	fmt.Fprintf(b, `<g class="node %s"><title>%s</title>`, tone(n.State), escape(strings.Join(filled(n.ID, n.Kind, n.State, n.Detail), "\n")))
	fmt.Fprintf(b, `<rect x="%s" y="%s" width="%s" height="%s" rx="8"/>`, num(x), num(y), num(s.wide), num(nodeHigh))
	room := int((s.wide - 40) / charWide)
	fmt.Fprintf(b, `<text class="id" x="%s" y="%s">%s</text>`, num(x+12), num(y+21), escape(short(n.ID, room)))
	fmt.Fprintf(b, `<text class="kind" x="%s" y="%s">%s</text>`, num(x+12), num(y+38), escape(short(strings.Join(filled(n.Kind, n.Detail), " · "), int((s.wide-24)/charSmall))))
	if m := sign(n.State); m != "" {
		fmt.Fprintf(b, `<text class="sign" x="%s" y="%s">%s</text>`, num(x+s.wide-12), num(y+21), m)
	}
	b.WriteString("</g>")
	if n.Link != "" {
		b.WriteString("</a>")
	}
	b.WriteString("\n")
}

// filled leaves out empty texts.
func filled(texts ...string) []string {
	var out []string
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

// short cuts a text in its middle: the end of an ID tells instances apart.
func short(s string, n int) string {
	r := []rune(s)
	if n = max(n, 5); len(r) <= n {
		return s
	}
	tail := (n - 1) / 2
	return string(r[:n-1-tail]) + "…" + string(r[len(r)-tail:])
}

// num is a coordinate with at most one decimal.
func num(f float64) string {
	s := strconv.FormatFloat(f, 'f', 1, 64)
	return strings.TrimSuffix(s, ".0")
}

// escape makes text fit for XML: what XML cannot hold becomes U+FFFD.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}
