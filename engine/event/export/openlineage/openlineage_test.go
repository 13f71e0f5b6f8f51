package openlineage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event/export/exporttest"
)

// read writes the events of the test run and reads them as somebody else would.
func read(t *testing.T) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, exporttest.Source(t), "lab"); err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for line := range strings.Lines(b.String()) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// at finds a value by a path of keys.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func datasets(v any) string {
	var names []string
	for _, d := range v.([]any) {
		version, _ := at(d, "facets", "version", "datasetVersion").(string)
		names = append(names, fmt.Sprintf("%s:%s@%.2s", at(d, "namespace"), at(d, "name"), version))
	}
	return strings.Join(names, " ")
}

func TestEveryStageHasItsEventsInTheOrderOfTime(t *testing.T) {
	t.Parallel()
	var have []string
	for _, e := range read(t) {
		kind, _ := e["eventType"].(string)
		have = append(have, fmt.Sprintf("%s %s %s in %s out %s", at(e, "eventTime"), kind, at(e, "job", "name"), datasets(e["inputs"]), datasets(e["outputs"])))
	}
	in := "file:models/tiny@60 lab:tiny/text.index@aa"
	want := []string{
		"2026-03-01T09:30:00.000Z START tiny in  out ",
		"2026-03-01T09:30:00.000Z  tiny.text in file:data/text.jsonl@50 out lab:tiny/text.index@aa",
		"2026-03-01T09:30:01.000Z START tiny.trained[lr=0.1,seed=1] in " + in + " out ",
		"2026-03-01T09:30:02.000Z START tiny.trained[lr=0.1,seed=2] in " + in + " out ",
		"2026-03-01T09:30:02.000Z START tiny.trained[lr=0.1,seed=3] in " + in + " out ",
		"2026-03-01T09:30:07.000Z FAIL tiny.trained[lr=0.1,seed=2] in " + in + " out ",
		"2026-03-01T09:30:08.000Z ABORT tiny.trained[lr=0.1,seed=3] in " + in + " out ",
		"2026-03-01T09:30:31.000Z COMPLETE tiny.trained[lr=0.1,seed=1] in " + in + " out lab:tiny/trained[lr=0.1,seed=1].checkpoint@bb lab:tiny/trained[lr=0.1,seed=1].log@10",
		"2026-03-01T09:31:00.000Z FAIL tiny in  out ",
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
}

// What the specification asks of every event, run, job, dataset and facet.
func TestEventsHaveWhatTheSpecificationAsksFor(t *testing.T) {
	t.Parallel()
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	schema := regexp.MustCompile(`^https://openlineage\.io/spec/facets/\d+-\d+-\d+/(\w+)\.json#/\$defs/(\w+)$`)
	count := 0
	var check func(where string, v any)
	check = func(where string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if strings.HasSuffix(strings.ToLower(k), "facets") {
					for name, f := range x.(map[string]any) {
						count++
						m := schema.FindStringSubmatch(fmt.Sprint(at(f, "_schemaURL")))
						if m == nil || m[1] != m[2] || !strings.HasPrefix(fmt.Sprint(at(f, "_producer")), "https://") {
							t.Errorf("%s: facet %s has schema %v of %v", where, name, at(f, "_schemaURL"), at(f, "_producer"))
						}
					}
				}
				check(where+"."+k, x)
			}
		case []any:
			for _, x := range v {
				check(where, x)
			}
		}
	}
	runs := map[string]string{}
	for i, e := range read(t) {
		check(fmt.Sprint(i), e)
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(e["eventTime"])); err != nil {
			t.Error(err)
		}
		want := "RunEvent"
		if e["run"] == nil {
			want = "JobEvent"
		} else {
			id := fmt.Sprint(at(e, "run", "runId"))
			if !uuid.MatchString(id) {
				t.Errorf("event %d: run %s is no UUID", i, id)
			}
			job := fmt.Sprint(at(e, "job", "name"))
			if other, ok := runs[id]; ok && other != job {
				t.Errorf("%s and %s share run %s", job, other, id)
			}
			runs[id] = job
			if parent := at(e, "run", "facets", "parent", "run", "runId"); job != "tiny" && runs[fmt.Sprint(parent)] != "tiny" {
				t.Errorf("%s has parent %v", job, parent)
			}
		}
		if e["schemaURL"] != spec+want || !strings.HasPrefix(fmt.Sprint(e["producer"]), "https://") {
			t.Errorf("event %d: %v of %v", i, e["schemaURL"], e["producer"])
		}
	}
	if len(runs) != 4 || count < 40 {
		t.Errorf("%d runs, %d facets", len(runs), count)
	}
}

func TestFailuresAndParametersAreTold(t *testing.T) {
	t.Parallel()
	found := 0
	for _, e := range read(t) {
		if e["eventType"] == "FAIL" && at(e, "job", "name") == "tiny.trained[lr=0.1,seed=2]" {
			found++
			if at(e, "run", "facets", "errorMessage", "message") != "loss is NaN\nat step 3" {
				t.Errorf("have %v", at(e, "run", "facets", "errorMessage"))
			}
		}
		if at(e, "job", "name") == "tiny" {
			found++
			if !strings.Contains(fmt.Sprint(at(e, "job", "facets", "sourceCode", "sourceCode")), "name: tiny") {
				t.Error("the recipe's text is not told")
			}
		}
	}
	if found != 3 {
		t.Errorf("%d of 3 found", found)
	}
}

func TestARunThatNeverEndedHasNoLastEvent(t *testing.T) {
	t.Parallel()
	src := exporttest.Source(t)
	src.Run.Finished = time.Time{}
	src.Run.Nodes = src.Run.Nodes[:2]
	src.Run.Nodes[1].State = "running"
	events := Events(src, "lab")
	if len(events) != 3 || events[2].EventType != "START" {
		t.Errorf("have %+v", events)
	}
}

func TestRunIDsAreStableAndDiffer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if runID(now, "a") != runID(now.In(time.FixedZone("", 3600)), "a") || runID(now, "a") == runID(now, "b") || runID(now, "a") >= runID(now.Add(time.Millisecond), "a") {
		t.Error("run IDs")
	}
	var a, b bytes.Buffer
	if err := Write(&a, exporttest.Source(t), "x"); err != nil {
		t.Fatal(err)
	}
	if err := Write(&b, exporttest.Source(t), "x"); err != nil || a.String() != b.String() {
		t.Error("two exports differ")
	}
}
