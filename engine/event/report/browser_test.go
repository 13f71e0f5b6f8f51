package report

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
)

// matrixRun is a sweep of two axes with curves, one cell of which fails.
func matrixRun() *record.Run {
	run := sampleRun()
	run.Nodes = run.Nodes[:6]
	for i, lr := range []string{"0.0001", "0.0003", "0.001"} {
		for seed := range 3 {
			n := record.Node{
				ID: fmt.Sprintf("sft[lr=%s,seed=%d]", lr, seed), Name: "sft", Kind: "finetune", State: "done", Reads: []string{"pretrained", "records"},
				Started: run.Started, Took: 9 * time.Second, Headline: map[string]event.Number{"final_loss": event.Number(1 / float64(i+seed+1))},
			}
			c := record.Curve{Metric: "loss"}
			for s := range 200 {
				c.Points = append(c.Points, record.Point{Step: int64(s), Value: event.Number(3/float64(s/10+1) + float64(i)/4 + 0.1*math.Sin(float64(s*seed)))})
			}
			n.Curves = []record.Curve{c}
			if i == 2 && seed == 2 {
				n.State, n.Error, n.Hint = "failed", "step 12: loss is NaN in "+strings.Repeat("layer.", 40), "lower lr"
			}
			run.Nodes = append(run.Nodes, n)
		}
	}
	run.Exit = 40
	return run
}

// largeRun has four stages of many cells, with everything that a stage can leave behind.
func largeRun(cells int) *record.Run {
	run := sampleRun()
	base := run.Nodes[5]
	run.Nodes = run.Nodes[:5]
	for _, stage := range []string{"tuned", "merged", "score", "answers"} {
		for i := range cells {
			n := base
			n.ID, n.Name, n.State = fmt.Sprintf("%s[seed=%d]", stage, i), stage, "done"
			n.Reads = []string{"corpus"}
			if stage != "tuned" {
				n.Reads, n.Curves = []string{fmt.Sprintf("tuned[seed=%d]", i)}, nil
			}
			if i%90 == 0 {
				n.State, n.Error = "failed", "boom"
			}
			n.Headline = map[string]event.Number{"acc": event.Number(float64(i) / float64(cells))}
			n.Tables = []record.Table{{Title: "exam", Columns: []string{"subject", "acc"}, Rows: [][]string{{"sums", "0.5"}, {"facts", "0.25"}}, Headline: n.Headline}}
			if stage == "answers" {
				n.Tables = []record.Table{{Title: "answers", Columns: []string{"prompt", "answer"}, Rows: [][]string{{"one", fmt.Sprint(i)}}}}
			}
			for range 60 {
				n.Logs = append(n.Logs, record.Log{Level: "info", Text: "a line of the log"})
			}
			run.Nodes = append(run.Nodes, n)
		}
	}
	return run
}

// measure is the script that looks at a page in frames of several widths, light and dark. It writes what it found into
// the document.
const measure = `
const found = [];
function luminance(c) {
  const v = c.map(x => { x /= 255; return x <= 0.03928 ? x / 12.92 : Math.pow((x + 0.055) / 1.055, 2.4); });
  return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
}
function colour(s) { const m = s.match(/rgba?\(([^)]*)\)/); return m ? m[1].split(/[ ,\/]+/).map(Number) : null; }
function behind(e) {
  for (; e; e = e.parentElement) {
    const c = colour(getComputedStyle(e).backgroundColor);
    if (c && (c.length < 4 || c[3] === 1)) return c.slice(0, 3);
  }
  return [255, 255, 255];
}
function look(frame, page, width, scheme) {
  const d = frame.contentDocument, w = frame.contentWindow, root = d.documentElement;
  const out = {page, width, scheme, inner: w.innerWidth, scroll: root.scrollWidth, nodes: d.querySelectorAll('.graph .node').length,
    edges: d.querySelectorAll('.graph .edge').length, charts: d.querySelectorAll('.chart').length, lines: d.querySelectorAll('.chart .line:not(.raw)').length,
    resources: w.performance.getEntriesByType('resource').length, scripts: d.scripts.length,
    dark: w.matchMedia('(prefers-color-scheme: dark)').matches, outside: [], small: [], pale: [], height: root.scrollHeight};
  const seen = new Set();
  for (const e of d.body.querySelectorAll('*')) {
    const r = e.getBoundingClientRect();
    if (r.width === 0 || e.closest('.wide') || e.closest('svg')) continue;
    if (r.right > w.innerWidth + 1) out.outside.push(e.tagName + '.' + e.className + ' ' + Math.round(r.right));
  }
  for (const e of d.querySelectorAll('summary')) {
    const r = e.getBoundingClientRect();
    if (width < 500 && r.height > 0 && r.height < 40) out.small.push(e.textContent.trim().slice(0, 30) + ' ' + Math.round(r.height));
  }
  for (const e of d.querySelectorAll('body *')) {
    const text = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!text || e.closest('.graph')) continue;
    const s = getComputedStyle(e), svg = e.closest('svg');
    if (s.visibility === 'hidden' || e.tagName.toLowerCase() === 'title' || e.tagName === 'STYLE') continue;
    const front = colour(svg ? s.fill : s.color), back = behind(svg ? svg.parentElement : e);
    if (!front) continue;
    const a = luminance(front), b = luminance(back), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(s.fontSize), large = size >= 24 || size >= 18.6 && s.fontWeight >= 600;
    const key = e.tagName + '.' + (e.className.baseVal ?? e.className) + ' ' + front + ' on ' + back + ' ' + ratio.toFixed(2);
    if (ratio < (large ? 3 : 4.5) && !seen.has(key)) { seen.add(key); out.pale.push(key); }
  }
  return out;
}
window.addEventListener('load', () => {
  for (const f of document.querySelectorAll('iframe')) found.push(look(f, f.dataset.page, +f.dataset.width, f.dataset.scheme));
  document.getElementById('found').textContent = JSON.stringify(found);
});
`

// looked is what measure found in one frame.
type looked struct {
	Page, Scheme                                                          string
	Width, Inner, Scroll, Nodes, Edges, Charts, Lines, Resources, Scripts int
	Height                                                                int
	Dark                                                                  bool
	Outside, Small, Pale                                                  []string
}

// browse shows pages to a headless Chromium.
func browse(t *testing.T, pages map[string]string) []looked {
	t.Helper()
	bin, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium to look at the report with")
	}
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><meta charset=utf-8><title>frames</title><pre id=found></pre>\n")
	for name, page := range pages {
		for _, width := range []int{360, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				fmt.Fprintf(&b, `<iframe data-page="%s" data-width="%d" data-scheme="%s" style="border:0;width:%dpx;height:800px;color-scheme:%s" srcdoc="%s"></iframe>`+"\n",
					html.EscapeString(name), width, scheme, width, scheme, html.EscapeString(page))
			}
		}
	}
	b.WriteString("<script>" + measure + "</script>")
	dir := t.TempDir()
	file := filepath.Join(dir, "frames.html")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bin, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--window-size=1400,900", "--virtual-time-budget=20000", "--dump-dom", "file://"+file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v", err)
	}
	m := regexp.MustCompile(`(?s)<pre id="found">(.*?)</pre>`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("the browser found nothing in %d bytes", len(out))
	}
	var found []looked
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &found); err != nil {
		t.Fatalf("%v in %.300s", err, m[1])
	}
	return found
}

func TestABrowserShowsTheReportOnAPhoneAndADesk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	failed := sampleRun()
	failed.Exit, failed.Nodes[5].State, failed.Nodes[5].Error, failed.Nodes[5].Hint = 40, "failed", strings.Repeat("/a/very/long/path", 30), "lower lr"
	hostile := &record.Run{Recipe: strings.Repeat("x", 300), Finished: time.Now(), Nodes: []record.Node{{
		ID: `a[b="<script>alert(1)</script>"]`, Name: "a", State: "done", Params: []record.Param{{Name: strings.Repeat("p", 200), Value: strings.Repeat("v", 900), Origin: "x:1:1"}},
		Curves: []record.Curve{{Metric: "loss", Points: falling(3, 1)}},
	}}}
	compared := func() string {
		var b strings.Builder
		r := matrixRun()
		c := Comparison{Runs: []*record.Run{r, r}, Sheets: matrixOf(r), Plots: []Plot{{Metric: "loss", Lines: LinesOf([]*record.Run{r}, "", "loss"), Smooth: SmoothAuto}}}
		if err := c.HTML(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}()
	pages := map[string]string{
		"sample": pageOf(t, sampleRun()), "matrix": pageOf(t, matrixRun()), "failed": pageOf(t, failed), "hostile": pageOf(t, hostile),
		"large": pageOf(t, largeRun(40)), "metrics": compared,
	}
	nodes := map[string]int{"sample": len(sampleRun().Nodes), "matrix": 7, "failed": len(failed.Nodes), "hostile": 1, "large": 9}
	seen := map[string]int{}
	for _, f := range browse(t, pages) {
		where := fmt.Sprintf("%s, %d wide, %s", f.Page, f.Width, f.Scheme)
		seen[f.Page]++
		if f.Inner != f.Width || f.Dark != (f.Scheme == "dark") {
			t.Errorf("%s: the frame is %d wide, dark %v", where, f.Inner, f.Dark)
		}
		if f.Scroll > f.Width || len(f.Outside) > 0 {
			t.Errorf("%s: the page is %d wide: %.5q", where, f.Scroll, f.Outside)
		}
		if f.Resources != 0 || f.Scripts != 0 {
			t.Errorf("%s: %d requests, %d scripts", where, f.Resources, f.Scripts)
		}
		if f.Nodes != nodes[f.Page] {
			t.Errorf("%s: %d nodes are drawn, want %d", where, f.Nodes, nodes[f.Page])
		}
		if len(f.Small) > 0 {
			t.Errorf("%s: too small for a finger: %q", where, f.Small)
		}
		if len(f.Pale) > 0 {
			t.Errorf("%s: too pale: %q", where, f.Pale)
		}
		if f.Page == "matrix" && f.Lines < 9 {
			t.Errorf("%s: %d lines of 9 cells", where, f.Lines)
		}
	}
	for name := range pages {
		if seen[name] != 4 {
			t.Errorf("%s was looked at %d times", name, seen[name])
		}
	}
}

func TestTheReportOfALargeRunStaysSmall(t *testing.T) {
	t.Parallel()
	have := pageOf(t, largeRun(250))
	if dir := os.Getenv("BELAY_REPORT_LARGE"); dir != "" { // to look at in a browser
		if err := os.WriteFile(dir, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(have) > 2_000_000 {
		t.Errorf("%d bytes for %d stages", len(have), 1005)
	}
	for _, want := range []string{"tuned ×250", "3 failed, 247 done", "belay show 20260301-093000-ab12:tuned[seed=7]", "the 60 longest of"} {
		if !strings.Contains(html.UnescapeString(have), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}
