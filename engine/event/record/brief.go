package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// brief sums up the nodes.
func (r *Run) brief() *Brief {
	b := &Brief{States: map[string]int{}}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if n.State != "" {
			b.States[n.State]++
		}
		for _, m := range slices.Sorted(maps.Keys(n.Headline)) {
			if len(b.Results) == MaxResults {
				break
			}
			b.Results = append(b.Results, Result{n.ID, m, n.Headline[m]})
		}
	}
	return b
}

// Head reads a run without its nodes, which are nearly all of the file: a list of runs stays fast however long their
// curves are. Brief sums up the nodes; a record from before there was one is read as a whole.
func Head(dir string) (*Run, error) {
	name := filepath.Join(dir, RunFile)
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("load run: %w", err)
	}
	defer f.Close()
	run, err := readHead(f)
	if err != nil {
		return nil, fmt.Errorf("load run %s: %w", name, err)
	}
	if run.Brief != nil {
		return run, nil
	}
	whole, err := Load(dir)
	if err != nil {
		return nil, err
	}
	whole.Brief, whole.Nodes = whole.brief(), nil
	return whole, nil
}

// readHead decodes fields up to the nodes.
func readHead(r io.Reader) (*Run, error) {
	dec := json.NewDecoder(io.LimitReader(r, maxRun))
	if t, err := dec.Token(); err != nil {
		return nil, err
	} else if t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if name == "nodes" {
			break
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		fields[name] = v
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	var run Run
	if err := json.Unmarshal(text, &run); err != nil {
		return nil, err
	}
	return &run, checkFormat(run.Format)
}

func checkFormat(have int) error {
	if have < 1 || have > Format {
		return fmt.Errorf("format %d, this belay reads 1 to %d", have, Format)
	}
	return nil
}
