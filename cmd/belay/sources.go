package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/secret"
)

// sourcesDir is where a run's folder keeps the text of its recipe.
const sourcesDir = "recipe"

var position = regexp.MustCompile(`^(.+?):\d+:\d+(?:$|,)`)

// sourcesOf are the files that a graph was written in: the recipe first, then what it extends, as far as a stage or
// a value came from there.
func sourcesOf(g *engine.Graph) []record.Source {
	paths := []string{g.Origin}
	add := func(at string) {
		if m := position.FindStringSubmatch(at); m != nil && !slices.Contains(paths, m[1]) {
			paths = append(paths, m[1])
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		add(n.Pos)
		for _, at := range slices.Sorted(maps.Values(n.Origins)) {
			add(at)
		}
	}
	var out []record.Source
	taken := map[string]bool{}
	for _, p := range paths {
		name := filepath.Base(p)
		for i := 2; taken[name]; i++ {
			name = fmt.Sprintf("%d-%s", i, filepath.Base(p))
		}
		taken[name] = true
		out = append(out, record.Source{Path: p, File: sourcesDir + "/" + name})
	}
	return out
}

// keepSources copies the recipe's files into a run's folder, without secret values.
func keepSources(dir string, sources []record.Source, secrets map[string]bool) error {
	clean := secret.NewRedactor(slices.Sorted(maps.Keys(secrets)))
	if err := os.MkdirAll(filepath.Join(dir, sourcesDir), 0o755); err != nil {
		return fmt.Errorf("keep recipe: %w", err)
	}
	for _, s := range sources {
		text, err := os.ReadFile(s.Path)
		if err != nil {
			return fmt.Errorf("keep recipe: %w", err)
		}
		if err := renameio.WriteFile(filepath.Join(dir, filepath.FromSlash(s.File)), []byte(clean.Text(string(text))), 0o644); err != nil {
			return fmt.Errorf("keep recipe: %w", err)
		}
	}
	return nil
}
