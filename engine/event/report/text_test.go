package report

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// odd is a graph with names that the languages of graphs could take for their own.
func odd() Graph {
	return Graph{
		Title: `a "title" \ with <b> & %%{init}%%`,
		Nodes: []Node{
			{ID: `sft[mode="a,b",x="\\"]`, Kind: "command", State: "failed", Detail: "said \"no\"\nand more"},
			{ID: "end", Kind: "subgraph", State: "skipped", Detail: "off: params.n > 0 && `x` | ; {} () #quot; &lt;"},
			{ID: strings.Repeat("very_long_name_", 20) + "[lr=0.001]", State: "stale"},
			{ID: "naïve 训练 \u202e\x00\x1b[31m", Kind: "<br/>"},
		},
		Edges: []Edge{{From: 0, To: 1}, {From: 0, To: 2, Order: true}, {From: 1, To: 3}},
	}
}

func drawn(t *testing.T, write func(*bytes.Buffer, Graph) error, g Graph) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMermaidTakesNoNameForItsOwn(t *testing.T) {
	t.Parallel()
	have := drawn(t, func(b *bytes.Buffer, g Graph) error { return Mermaid(b, g) }, odd())
	node := regexp.MustCompile(`^  n\d+\["([^"<>` + "`" + `]|<br/>)*"\](:::[a-z]+)?$`)
	edge := regexp.MustCompile(`^  n\d+ (-->|-\.->) n\d+$`)
	nodes, edges := 0, 0
	for _, line := range strings.Split(strings.TrimSpace(have), "\n")[1:] {
		switch {
		case node.MatchString(line):
			nodes++
		case edge.MatchString(line):
			edges++
		case !strings.HasPrefix(line, "  classDef "):
			t.Errorf("have %q", line)
		}
	}
	if nodes != 4 || edges != 3 {
		t.Errorf("%d nodes and %d edges in\n%s", nodes, edges, have)
	}
	if strings.Contains(have, "&") || strings.Contains(have, "%") || strings.Contains(have, "\u202e") || !strings.Contains(have, "#amp;lt;") {
		t.Errorf("an entity of a name is read as one:\n%s", have)
	}
}

func TestGraphvizReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	have := drawn(t, func(b *bytes.Buffer, g Graph) error { return Dot(b, g) }, odd())
	if !strings.Contains(have, "&amp;lt;") || !strings.Contains(have, "&amp;&amp;") {
		t.Errorf("an entity of a name is read as one:\n%s", have)
	}
	if dir := os.Getenv("BELAY_GRAPH_SAMPLE"); dir != "" { // for other readers
		mmd := drawn(t, func(b *bytes.Buffer, g Graph) error { return Mermaid(b, g) }, odd())
		if err := os.WriteFile(dir, []byte(mmd), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bin, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("there is no Graphviz to read the graph with")
	}
	cmd := exec.CommandContext(t.Context(), bin, "-Tplain")
	cmd.Stdin = strings.NewReader(have)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, out, have)
	}
	if n, e := strings.Count(string(out), "\nnode "), strings.Count(string(out), "\nedge "); n != 4 || e != 3 || strings.Contains(string(out), "Warning") {
		t.Errorf("%d nodes, %d edges: %s", n, e, out)
	}
}

func TestEveryDrawingShowsANodeThatIsOff(t *testing.T) {
	t.Parallel()
	g := Graph{Nodes: []Node{{ID: "a", State: "off", Detail: "when: params.n is 0"}, {ID: "b"}}, Edges: []Edge{{From: 0, To: 1}}}
	for name, write := range map[string]func(*bytes.Buffer, Graph) error{
		"ascii":   func(b *bytes.Buffer, g Graph) error { return Text(b, g) },
		"dot":     func(b *bytes.Buffer, g Graph) error { return Dot(b, g) },
		"mermaid": func(b *bytes.Buffer, g Graph) error { return Mermaid(b, g) },
		"svg":     func(b *bytes.Buffer, g Graph) error { return SVG(b, g) },
	} {
		have := drawn(t, write, g)
		if !strings.Contains(have, map[string]string{"ascii": "–", "dot": "off", "mermaid": "skipped", "svg": "skipped"}[name]) || !strings.Contains(have, "params.n is 0") {
			t.Errorf("%s: %s", name, have)
		}
	}
	svg := drawn(t, func(b *bytes.Buffer, g Graph) error { return SVG(b, g) }, odd())
	wellFormed(t, "svg", svg)
}

func TestGateEdgesSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	g := Graph{Title: "g", Nodes: []Node{{ID: "a"}, {ID: "b"}, {ID: "c", State: "gated"}}, Edges: []Edge{
		{From: 0, To: 1}, {From: 0, To: 1, Order: true, Gate: true}, // read as well: an edge of data
		{From: 0, To: 2, Order: true}, {From: 0, To: 2, Order: true, Gate: true}, {From: 1, To: 2, Order: true},
	}}
	for want, write := range map[string]func(io.Writer, Graph) error{
		"○ c    gated  ← a (gate), b (order)":  Text,
		"n0 -> n2 [style=dashed, label=gate];": Dot,
		"n0 -. gate .-> n2":                    Mermaid,
		`class="edge faint order" d="`:         SVG,
		"<title>a → c (gate)</title>":          SVG,
		"n0 --> n1":                            Mermaid,
		"n1 -.-> n2":                           Mermaid,
		"n0 -> n1;":                            Dot,
	} {
		var b strings.Builder
		if err := write(&b, g); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%v, want %q in:\n%s", err, want, b.String())
		}
	}
}
