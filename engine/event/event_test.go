package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"
)

type list []Event

func (l *list) Emit(e Event) { *l = append(*l, e) }

func TestEventsSurviveJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	number := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0}))
	rapid.Check(t, func(t *rapid.T) {
		e := Event{Time: at, Run: rapid.String().Draw(t, "run"), Stage: rapid.StringMatching(`[a-z]*(\[a=1\])?`).Draw(t, "stage")}
		e.Run = strings.ToValidUTF8(e.Run, "")
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			e.State = &State{To: "done", Why: "params.lr changed", Took: time.Duration(rapid.Int64().Draw(t, "took"))}
		case 1:
			e.Progress = &Progress{Done: rapid.Int64().Draw(t, "done"), Unit: "bytes"}
		case 2:
			e.Point = &Point{Step: rapid.Int64().Draw(t, "step"), Values: map[string]float64{"loss": number.Draw(t, "loss")}}
		case 3:
			e.Table = &Table{Title: "t", Columns: []string{"a"}, Rows: [][]string{{"1"}}, Headline: map[string]float64{"acc": number.Draw(t, "acc")}}
		case 4:
			e.Log = &Log{Level: "info", Text: "x", Data: map[string]any{"n": 1.5}}
		}
		b, err := Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		have, err := Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, have, cmpopts.EquateNaNs()); d != "" {
			t.Error(d)
		}
	})
}

func TestLogDataThatJSONLacksBecomesText(t *testing.T) {
	t.Parallel()
	e := Event{Log: &Log{Level: "warn", Data: map[string]any{
		"nan": math.NaN(), "err": errors.New("x"), "took": time.Second, "chan": make(chan int), "deep": map[string]any{"list": []any{math.Inf(1)}},
	}}}
	b, err := Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var have struct{ Log struct{ Data map[string]any } }
	if err := json.Unmarshal(b, &have); err != nil {
		t.Fatal(err)
	}
	d := have.Log.Data
	if d["nan"] != "NaN" || d["err"] != "x" || d["took"] != "1s" || d["deep"].(map[string]any)["list"].([]any)[0] != "+Inf" {
		t.Errorf("have %v", d)
	}
}

func TestTeeGivesEachSinkEveryEventInOrder(t *testing.T) {
	t.Parallel()
	var a, b list
	s := Tee(&a, nil, &b)
	s.Emit(Event{Stage: "x"})
	s.Emit(Event{Stage: "y"})
	if len(a) != 2 || len(b) != 2 || a[0].Stage != "x" || b[1].Stage != "y" {
		t.Errorf("have %v and %v", a, b)
	}
	Tee().Emit(Event{})
}

// sinkFunc is a Sink.
type sinkFunc func(Event)

func (f sinkFunc) Emit(e Event) { f(e) }

func TestAnEventIsOneLineOfJSON(t *testing.T) {
	t.Parallel()
	var b []byte
	st := Stage{Name: "sft", Run: "r1", Now: func() time.Time { return time.Unix(0, 0).UTC() }, Sink: sinkFunc(func(e Event) {
		line, err := Marshal(e)
		if err != nil {
			t.Error(err)
		}
		b = append(append(b, line...), '\n')
	})}
	st.Point(3, map[string]float64{"loss": math.NaN()})
	st.Info("two\nlines", nil)
	want := `{"time":"1970-01-01T00:00:00Z","run":"r1","stage":"sft","point":{"step":3,"values":{"loss":"NaN"}}}` + "\n" +
		`{"time":"1970-01-01T00:00:00Z","run":"r1","stage":"sft","log":{"level":"info","text":"two\nlines"}}` + "\n"
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Error(d)
	}
}

func TestLoggerUsesTheFieldsKeys(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := Logger(zerolog.New(&b).Level(zerolog.InfoLevel))
	st := Stage{Name: "sft", Sink: s, Now: func() time.Time { return time.Unix(0, 0).UTC() }}
	st.Point(7, map[string]float64{"loss": 2.5, "lr": 0.001, "gnorm": math.NaN()})
	st.Progress(1, 2, "bytes", "hidden")
	st.Debug("hidden", nil)
	st.Warn("look", map[string]any{"x": math.Inf(1)})
	s.Emit(Event{Stage: "sft", State: &State{To: "failed", Why: "NaN", Took: time.Second}})
	st.Table(Table{Title: "MMLU", Columns: []string{"s"}, Rows: [][]string{{"x"}}, Headline: map[string]float64{"acc": 0.5}})
	var have []map[string]any
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		have = append(have, m)
	}
	if len(have) != 4 || strings.Contains(b.String(), "hidden") {
		t.Fatalf("have %s", b.String())
	}
	if p := have[0]; p["step"] != 7.0 || p["loss"] != 2.5 || p["gnorm"] != "NaN" || p["stage"] != "sft" || p["level"] != "info" {
		t.Errorf("point %v", p)
	}
	if have[1]["level"] != "warn" || have[1]["x"] != "+Inf" || have[2]["level"] != "error" || have[2]["took_s"] != 1.0 || have[3]["acc"] != 0.5 {
		t.Errorf("have %v", have[1:])
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-01T00:00:00Z","stage":"a","point":{"step":1,"values":{"loss":"NaN"}}}`))
	f.Add([]byte(`{"log":{"level":"info","text":"x","data":{"a":[1,{"b":null}]}}}`))
	f.Add([]byte(`{"table":{"title":"t","columns":null,"rows":[[]],"headline":{"a":"+Inf"}}}`))
	f.Add([]byte(`{"state":{"to":"done","took":-1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Unmarshal(b)
		if err != nil {
			return
		}
		if _, err := Marshal(e); err != nil {
			t.Errorf("read and cannot write: %v", err)
		}
	})
}
