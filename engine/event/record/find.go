package record

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/fault"
)

// IDs are the names of the runs below a runs directory, the oldest first.
func IDs(runs string) ([]string, error) {
	entries, err := os.ReadDir(runs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// Heads reads the heads of all runs, the latest first. A run that cannot be read is an error in its place.
func Heads(runs string) iter.Seq2[*Run, error] {
	return func(yield func(*Run, error) bool) {
		ids, err := IDs(runs)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, id := range slices.Backward(ids) {
			if !yield(Head(filepath.Join(runs, id))) {
				return
			}
		}
	}
}

// Find is the directory of the run that a person means: the whole ID, the only one that begins so, "last", or
// "last~2" for the one two before. An empty text is the last.
func Find(runs, text string) (dir string, err error) {
	ids, err := IDs(runs)
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", fault.New(fault.Usage, "there are no runs in this workspace").
			WithHint("belay run RECIPE makes one; a workspace is the folder that holds belay.yaml or .belay")
	}
	if text == "" {
		text = "last"
	}
	if back, ok := strings.CutPrefix(text, "last"); ok {
		n := 0
		if back != "" {
			digits, tilde := strings.CutPrefix(back, "~")
			if n, err = strconv.Atoi(digits); err != nil || !tilde || n < 0 {
				return "", fault.New(fault.Usage, "run %q: want last, or last~1 for the one before", text)
			}
		}
		if n >= len(ids) {
			return "", fault.New(fault.Usage, "run %q: runs there are: %d", text, len(ids)).WithHint("belay runs lists them")
		}
		return filepath.Join(runs, ids[len(ids)-1-n]), nil
	}
	var found []string
	for _, id := range ids {
		if id == text {
			return filepath.Join(runs, id), nil
		}
		if strings.HasPrefix(id, text) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return filepath.Join(runs, found[0]), nil
	case 0:
		return "", fault.New(fault.Usage, "no run begins with %q", text).WithHint("belay runs lists them")
	default:
		return "", fault.New(fault.Usage, "%d runs begin with %q", len(found), text).WithHint("belay runs lists them")
	}
}
