package record

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/belay-ml/belay/engine/event"
)

// Limits of what Load and Events read.
const (
	maxRun  = 64 << 20
	maxLine = 4 << 20
)

// Load reads the record in a run's directory.
func Load(dir string) (*Run, error) {
	name := filepath.Join(dir, RunFile)
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("load run: %w", err)
	}
	defer f.Close()
	run, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("load run %s: %w", name, err)
	}
	return run, nil
}

// Read reads a run.json.
func Read(r io.Reader) (*Run, error) { return read(r, maxRun) }

func read(r io.Reader, limit int64) (*Run, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("longer than %d bytes", limit)
	}
	var run Run
	if err := json.Unmarshal(b, &run); err != nil {
		return nil, err
	}
	if err := checkFormat(run.Format); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(run.Nodes))
	for i, n := range run.Nodes {
		if n.ID == "" || seen[n.ID] {
			return nil, fmt.Errorf("node %d: ID %q is empty or doubled", i, n.ID)
		}
		seen[n.ID] = true
	}
	return &run, nil
}

// Events reads an events.jsonl. A last line that was cut short by a crash ends the sequence without
// an error; any other bad line is one error, with its number, and reading goes on.
func Events(r io.Reader) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		br := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			line, whole, err := readLine(br)
			if len(line) == 0 && err == io.EOF {
				return
			}
			if err == io.EOF && !whole {
				if e, bad := event.Unmarshal(line); bad == nil {
					yield(e, nil)
				}
				return
			}
			var e event.Event
			if err == nil {
				e, err = event.Unmarshal(line)
			}
			if err != nil {
				err = fmt.Errorf("read event in line %d: %w", n, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

var errLong = fmt.Errorf("longer than %d bytes", maxLine)

// readLine reads up to a line's end; a line over the limit is skipped and told.
func readLine(r *bufio.Reader) (line []byte, whole bool, err error) {
	long := false
	for {
		chunk, err := r.ReadSlice('\n')
		if !long {
			line = append(line, chunk...)
		}
		if len(line) > maxLine {
			long, line = true, nil
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if long && (err == nil || err == io.EOF) {
			return []byte{' '}, true, errLong
		}
		return line, err == nil, err
	}
}
