package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/secret"
)

// sourcesDir is where a run's folder keeps the text of its recipe.
const sourcesDir = "recipe"

// sourcesOf are the files that a graph was written in: the recipe first, then what it extends and uses.
func sourcesOf(g *engine.Graph) []record.Source {
	var out []record.Source
	taken := map[string]bool{}
	for _, p := range g.Files {
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
