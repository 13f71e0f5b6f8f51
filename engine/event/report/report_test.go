package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/event/sheet"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sample run: the shape of a real recipe, with two instances of a matrix stage and scores before and
// after.
func sampleRun() *record.Run {
	start := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	curve := func(n int, from, to float64) []record.Point {
		var pts []record.Point
		for i := range n {
			x := float64(i) / float64(n)
			pts = append(pts, record.Point{Step: int64(i + 1), Value: event.Number(to + (from-to)*math.Exp(-5*x) + 0.05*math.Sin(float64(i*i)))})
		}
		return pts
	}
	ramp := func(n int) []record.Point {
		var pts []record.Point
		for i := range n {
			lr := 1e-3 * min(float64(i+1)/20, 0.5+0.5*math.Cos(math.Pi*float64(i)/float64(n)))
			pts = append(pts, record.Point{Step: int64(i + 1), Value: event.Number(lr)})
		}
		return pts
	}
	run := &record.Run{
		Format: 1, ID: "20260301-093000-ab12", Recipe: "quickstart", Origin: "recipes/quickstart/recipe.yaml", Host: "box", Belay: "v0.1",
		Params: map[string]any{"lr": 0.001, "model": "tiny"}, Started: start, Finished: start.Add(118 * time.Second),
	}
	at := 0
	add := func(id, name, kind, state string, took int, reads ...string) *record.Node {
		n := record.Node{ID: id, Name: name, Kind: kind, State: state, Reads: reads, Key: strings.Repeat("5f", 32), Took: time.Duration(took) * 700 * time.Millisecond, Pos: "recipe.yaml:12:3"}
		if state != "fresh" {
			n.Started = start.Add(time.Duration(at) * time.Second)
			at += took / 2
		}
		n.Params = []record.Param{{Name: "repo", Value: "belay/tiny", Origin: "recipe.yaml:14:9"}}
		n.Parts = []record.Part{{Name: "stage", Value: kind + " 1"}, {Name: "params.repo", Value: `"belay/tiny"`}}
		n.Outputs = []record.Output{{Port: "model", Kind: "hf-model", Digest: strings.Repeat("0123456789abcdef", 4), Size: 12_345_678, Files: 5}}
		run.Nodes = append(run.Nodes, n)
		return &run.Nodes[len(run.Nodes)-1]
	}
	add("base", "base", "hf-download", "fresh", 0).Why = "same key as in run 20260228-101112-cc01"
	add("facts", "facts", "hf-download", "fresh", 0)
	add("corpus", "corpus", "preprocess", "done", 4, "base", "facts")
	add("records", "records", "preprocess", "done", 3, "base", "facts")
	add("shards", "shards", "convert", "done", 2, "base")
	pre := add("pretrained", "pretrained", "pretrain", "done", 60, "shards", "corpus")
	pre.Curves = []record.Curve{{Metric: "loss", Points: curve(300, 8.2, 2.1)}, {Metric: "lr", Points: ramp(300)}, {Metric: "tps", Points: curve(300, 20000, 41000)}}
	for i, mode := range []string{"full", "lora"} {
		id := "tuned[mode=" + mode + "]"
		n := add(id, "tuned", "finetune", "done", 30+8*i, "pretrained", "records")
		n.Curves = []record.Curve{{Metric: "loss", Points: curve(120, 2.4, 0.2+0.2*float64(i))}, {Metric: "lr", Points: ramp(120)}}
		add("merged[mode="+mode+"]", "merged", "convert", "done", 2, id, "base")
	}
	scoreOf := func(id string, acc float64, reads ...string) {
		n := add(id, "score", "benchmark", "done", 6, reads...)
		t := record.Table{Title: "MMLU layout", Columns: []string{"subject", "questions", "acc"}, Headline: map[string]event.Number{"acc": event.Number(acc)}}
		for i, s := range []string{"comparison", "alphabet order", "odd one out", "facts"} {
			t.Rows = append(t.Rows, []string{s, "100", fmt.Sprintf("%.2f", acc+0.01*float64(i-2))})
		}
		n.Tables, n.Headline = []record.Table{t}, t.Headline
	}
	scoreOf("before", 0.26, "base", "facts")
	scoreOf("after[mode=full]", 0.91, "merged[mode=full]", "facts")
	scoreOf("after[mode=lora]", 0.84, "merged[mode=lora]", "facts")
	for i, mode := range []string{"full", "lora"} {
		n := add("answers[mode="+mode+"]", "answers", "generate", "done", 3, "merged[mode="+mode+"]")
		n.Tables = []record.Table{{Title: "answers", Columns: []string{"prompt", "answer"}, Rows: [][]string{{"largest of 3 and 9?", []string{"nine", "three"}[i]}}}}
	}
	answers := &run.Nodes[len(run.Nodes)-1]
	answers.Logs = []record.Log{{Time: start, Level: "info", Text: "largest of 3 9 4 1? 9"}, {Time: start, Level: "warn", Text: "one prompt was cut", Data: map[string]any{"tokens": 17.0}}}
	answers.Notes = map[string]any{"prompts": 8.0}
	return run
}

func pageOf(t *testing.T, run *record.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, run); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wellFormed parses XML to its end.
func wellFormed(t *testing.T, what, s string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s is not well-formed: %v", what, err)
		}
	}
}

func golden(t *testing.T, name, have string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), have); d != "" {
		t.Errorf("%s differs (-want +have), rewrite with -update:\n%s", name, d)
	}
}

func TestReportShowsWhatARunDid(t *testing.T) {
	t.Parallel()
	have := pageOf(t, sampleRun())
	if dir := os.Getenv("BELAY_REPORT_SAMPLE"); dir != "" { // to look at in a browser
		if err := os.WriteFile(dir, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"quickstart", "1m58s", "tuned[mode=lora]", "learning rate", "tokens/s", "MMLU layout", "&#43;65 points", "12.3 MB", "recipe.yaml:14:9",
		"one prompt was cut", `id="stage-1"`, `href="#stage-1"`, "when each stage ran", "odd one out",
	} {
		if !strings.Contains(have, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}

func TestReportRefersToNothingOutside(t *testing.T) {
	t.Parallel()
	have := pageOf(t, sampleRun())
	for _, re := range []string{`(?i)https?://`, `(?i)\b(src|href)="[^#"]`, `(?i)<script`, `(?i)<link`, `(?i)@import`, `(?i)url\(`, `(?i)//[a-z]`} {
		if m := regexp.MustCompile(re).FindString(have); m != "" {
			t.Errorf("the report holds %q", m)
		}
	}
}

func TestReportKeepsHostileTextAsText(t *testing.T) {
	t.Parallel()
	bad := `</title></style></svg><script>alert(1)</script><img src=x onerror="alert(1)">'"&` + "\x00\x1b[31m\xff"
	run := &record.Run{
		ID: bad, Recipe: bad, Origin: bad, Host: bad, Error: bad, Hint: bad, Exit: 1, Finished: time.Now(), Params: map[string]any{bad: bad},
		Nodes: []record.Node{{
			ID: bad, Name: bad, Kind: bad, State: "failed", Why: bad, Key: bad, Pos: bad, Error: bad, Hint: bad,
			Params: []record.Param{{Name: bad, Value: bad, Origin: bad}}, Parts: []record.Part{{Name: bad, Value: bad}},
			Outputs: []record.Output{{Port: bad, Kind: bad, Path: bad, Digest: bad}}, Headline: map[string]event.Number{bad: 1},
			Tables: []record.Table{{Title: bad, Columns: []string{bad, bad}, Rows: [][]string{{bad, bad}}, Headline: map[string]event.Number{bad: 1}}},
			Curves: []record.Curve{{Metric: bad, Points: []record.Point{{Step: 1, Value: 2}}}},
			Notes:  map[string]any{bad: []any{bad}}, Logs: []record.Log{{Level: bad, Text: bad, Data: map[string]any{bad: bad}}},
		}, {ID: bad + "2", State: bad, Reads: []string{bad}, Headline: map[string]event.Number{bad: 2}, Took: 5}},
	}
	have := pageOf(t, run)
	if strings.Contains(have, "<script") || strings.Contains(have, "<img") || strings.Contains(have, "\x1b") || strings.Contains(have, "\x00") {
		t.Error("text of a stage became markup")
	}
	if n := strings.Count(have, "</style>"); n != 1 {
		t.Errorf("%d ends of style, want 1", n)
	}
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(have, -1) {
		wellFormed(t, "an inline SVG", svg)
	}
}

func TestFailedRunShowsErrorAndHintFirst(t *testing.T) {
	t.Parallel()
	run := sampleRun()
	run.Exit, run.Nodes[5].State, run.Nodes[5].Error, run.Nodes[5].Hint = 40, "failed", "step 12: loss is NaN", "lower lr"
	run.Nodes[5].Curves[0].Points[20].Value = event.Number(math.NaN())
	have := pageOf(t, run)
	errAt, graphAt := strings.Index(have, "step 12: loss is NaN"), strings.Index(have, "<h2>Graph")
	if errAt < 0 || errAt > graphAt || !strings.Contains(have, "lower lr") || !strings.Contains(have, "step 21: NaN") {
		t.Errorf("error at %d, graph at %d", errAt, graphAt)
	}
}

func TestGraphsAreDrawnAsBefore(t *testing.T) {
	t.Parallel()
	g := Of(sampleRun())
	g.Edges = append(g.Edges, Edge{From: 2, To: 3, Order: true})
	for _, c := range []struct {
		name  string
		write func(io.Writer, Graph) error
	}{{"graph.svg", SVG}, {"graph.dot", Dot}, {"graph.mmd", Mermaid}, {"graph.txt", Text}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := c.write(&b, g); err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(c.name) == ".svg" {
				wellFormed(t, c.name, b.String())
			}
			golden(t, c.name, b.String())
		})
	}
}

func TestNodesOfALayerDoNotOverlap(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 7, 60} {
		g := Graph{}
		for i := range n {
			g.Nodes = append(g.Nodes, Node{ID: fmt.Sprintf("stage%d[lr=%d]", i, i*i)})
			for j := range i {
				if (i*7+j*13)%11 == 0 {
					g.Edges = append(g.Edges, Edge{From: j, To: i})
				}
			}
		}
		g.Edges = append(g.Edges, Edge{From: 5, To: 2}, Edge{From: -1, To: 0}, Edge{From: 0, To: 99})
		d := layOut(g.clean())
		for i, a := range d.spots {
			if a.x-a.wide/2 < 0 || a.x+a.wide/2 > d.wide || a.y+nodeHigh/2 > d.high {
				t.Errorf("%d nodes: spot %d lies outside", n, i)
			}
			for _, b := range d.spots[:i] {
				if a.layer == b.layer && math.Abs(a.x-b.x) < (a.wide+b.wide)/2+gapX-0.01 {
					t.Errorf("%d nodes: spots overlap at %.1f and %.1f", n, a.x, b.x)
				}
			}
		}
	}
}

func TestChartIsDrawnAsBefore(t *testing.T) {
	t.Parallel()
	pts := func(v ...float64) (out []record.Point) {
		for i, x := range v {
			out = append(out, record.Point{Step: int64(i * 10), Value: event.Number(x)})
		}
		return out
	}
	svg := Plot{Metric: "loss <a>", Lines: []Line{{"one", pts(4, 3, math.NaN(), 2.5, 2)}, {"two", pts(3.9)}, {"three", pts(math.Inf(1))}}, Smooth: SmoothAuto}.chartSVG()
	wellFormed(t, "chart", svg)
	golden(t, "chart.svg", svg)
}

func TestChartsSurviveOddNumbers(t *testing.T) {
	t.Parallel()
	for _, v := range [][]float64{{}, {0}, {0, 0}, {math.NaN()}, {1e-300, 1e300}, {-5, 5}, {1e18, 1e18 + 1}, {-math.MaxFloat64, math.MaxFloat64}, {5e-324, 0}} {
		var pts []record.Point
		for i, x := range v {
			pts = append(pts, record.Point{Step: int64(i) * (1 << 60), Value: event.Number(x)})
		}
		svg := Plot{Metric: "m", Lines: []Line{{"s", pts}}}.chartSVG()
		wellFormed(t, fmt.Sprint(v), svg)
		if strings.Contains(svg, `d="MNaN`) || strings.Contains(svg, "+Inf") && !strings.Contains(fmt.Sprint(v), "Inf") {
			t.Errorf("%v: not a coordinate in %s", v, svg)
		}
	}
}

func FuzzPage(f *testing.F) {
	text, err := json.Marshal(sampleRun())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":1,"nodes":[{"id":"a[x=1]","took_ns":-5,"headline":{"acc":"NaN"},"tables":[{"title":"t","columns":["s","acc"],"rows":[[],["a"],["b","c","d"]],"headline":{"acc":1}}]},{"id":"a[x=2]","reads":["a[x=1]","b"],"curves":[{"metric":"loss","points":[[9,"+Inf"],[-9,1e308]]}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		run, err := record.Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		var page bytes.Buffer
		if err := HTML(&page, run); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(page.Bytes(), []byte("<script")) {
			t.Error("text of a stage became markup")
		}
		c := Comparison{Runs: []*record.Run{run, run}, Sheets: sheet.Of([]*record.Run{run, run}, sheet.Options{})}
		if err := c.HTML(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}
