package metric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/fault"
)

// File is the file in a folder of metrics that holds the numbers.
const File = "metrics.json"

// Bounds on one file of metrics.
const (
	maxBytes = 8 << 20
	maxDepth = 16
	maxNames = 100_000
)

// Set is numbers by name.
type Set map[string]float64

// Names are the names in order.
func (s Set) Names() []string { return slices.Sorted(maps.Keys(s)) }

// Read gives the numbers of an artifact: a folder with metrics.json, or the file itself.
func Read(path string) (Set, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(fault.Data, "read metrics: %w", err)
	}
	if st.IsDir() {
		path = filepath.Join(path, File)
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.Data, "read metrics: the folder has no %s", File).
			WithHint("a stage that a condition reads writes its numbers there: {\"accuracy\": 0.4}")
	}
	if err != nil {
		return nil, fault.New(fault.Data, "read metrics: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fault.New(fault.Data, "read metrics: %w", err)
	}
	set, err := Parse(text)
	if err != nil {
		return nil, fault.New(fault.Data, "read metrics of %s: %w", filepath.Base(path), err)
	}
	return set, nil
}

// Parse reads a JSON object of numbers.
func Parse(text []byte) (Set, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxBytes)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	var all map[string]any
	err := dec.Decode(&all)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && !strings.HasPrefix(kind.Value, "number "), err == nil && all == nil:
		return nil, errors.New(`want a JSON object of numbers, such as {"accuracy": 0.4}`)
	case err != nil:
		return nil, fmt.Errorf("byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("byte %d: text after the end", dec.InputOffset())
	}
	set := Set{}
	return set, set.add("", all, 1)
}

// add puts the numbers of an object into the set.
func (s Set) add(prefix string, object map[string]any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("objects are nested more than %d deep", maxDepth)
	}
	for _, k := range slices.Sorted(maps.Keys(object)) {
		name := prefix + k
		switch v := object[k].(type) {
		case float64:
			s[name] = v
		case map[string]any:
			if err := s.add(name+".", v, depth+1); err != nil {
				return err
			}
		case string:
			switch v {
			case "NaN":
				s[name] = math.NaN()
			case "+Inf", "-Inf":
				s[name] = math.Inf(map[string]int{"+Inf": 1, "-Inf": -1}[v])
			}
		}
		if len(s) > maxNames {
			return fmt.Errorf("it has more than %d numbers", maxNames)
		}
	}
	return nil
}
