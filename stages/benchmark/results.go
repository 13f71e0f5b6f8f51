package benchmark

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/metric"
	"github.com/belay-ml/belay/stages/benchmark/task"
)

// Results is results.json.
type Results struct {
	Task     string    `json:"task"`
	Split    string    `json:"split"`
	Protocol string    `json:"protocol"`
	Shots    int       `json:"num_fewshot"`
	Template string    `json:"template,omitempty"`
	Subjects []Subject `json:"subjects"`
	Total    Subject   `json:"total"` // all right answers over all questions
}

// Subject is the score of one subject, or of all.
type Subject struct {
	Name     string  `json:"subject"`
	Count    int     `json:"question_n"`
	Accuracy float64 `json:"acc"`
	StdErr   float64 `json:"acc_stderr"`
}

// grade counts right answers by subject.
func grade(p *Params, subjects []task.Subject, answers []answer) Results {
	res := Results{Task: p.Task, Split: p.Split, Protocol: p.Protocol, Shots: p.Shots, Template: p.Template}
	var tallies []task.Tally
	var all task.Tally
	next := 0
	for _, s := range subjects {
		var t task.Tally
		for range s.Items {
			t.Add(answers[next].Right)
			all.Add(answers[next].Right)
			next++
		}
		tallies = append(tallies, t)
		res.Subjects = append(res.Subjects, Subject{s.Name, t.Total, t.Accuracy(), t.StdErr()})
	}
	res.Total = Subject{"total", all.Total, all.Accuracy(), task.PooledStdErr(tallies)}
	return res
}

func (r Results) rows() [][]string {
	var rows [][]string
	for _, s := range append(append([]Subject(nil), r.Subjects...), r.Total) {
		rows = append(rows, []string{s.Name, strconv.Itoa(s.Count), strconv.FormatFloat(s.Accuracy, 'f', 4, 64), strconv.FormatFloat(s.StdErr, 'f', 4, 64)})
	}
	return rows
}

var columns = [...]string{"subject", "question_n", "acc", "acc_stderr"}

func (r Results) table() event.Table {
	return event.Table{
		Title: r.Task, Columns: columns[:], Rows: r.rows(),
		Headline: map[string]float64{"acc": r.Total.Accuracy},
	}
}

// metricNames are the numbers of metrics.json, which conditions may read.
func metricNames() []string { return slices.Clone(columns[1:]) }

// metrics is metrics.json: the total's columns.
func (r Results) metrics() metric.Set {
	t := r.Total
	return metric.Set{columns[1]: float64(t.Count), columns[2]: t.Accuracy, columns[3]: t.StdErr}
}

// write puts metrics.json, results.json, results.csv and samples.jsonl into dir.
func (r Results) write(dir string, answers []answer) error {
	js, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	numbers, err := json.MarshalIndent(r.metrics(), "", "  ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	if err := w.WriteAll(append([][]string{columns[:]}, r.rows()...)); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	var samples bytes.Buffer
	enc := json.NewEncoder(&samples)
	for _, a := range answers {
		if err := enc.Encode(a); err != nil {
			return fmt.Errorf("write samples: %w", err)
		}
	}
	for name, data := range map[string][]byte{
		metric.File:     append(numbers, '\n'),
		"results.json":  append(js, '\n'),
		"results.csv":   table.Bytes(),
		"samples.jsonl": samples.Bytes(),
	} {
		if err := renameio.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("write results: %w", err)
		}
	}
	return nil
}
