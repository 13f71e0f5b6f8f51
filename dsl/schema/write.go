package schema

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/engine"
)

// Write brings a folder up to date with the stages there are: schemas that changed are replaced, those of stages
// that are gone removed.
func Write(dir string, stages []engine.Stage, more ...map[string][]byte) error {
	files, err := Files(stages, more...)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err == nil && string(old) == string(files[name]) {
			continue
		}
		if err := renameio.WriteFile(path, files[name], 0o644); err != nil {
			return fmt.Errorf("write schema: %w", err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	for _, e := range entries {
		if _, known := files[e.Name()]; !known && strings.HasSuffix(e.Name(), ".schema.json") {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("remove old schema: %w", err)
			}
		}
	}
	return nil
}

// Stale names the schemas in a folder that do not match the stages there are. read gives a committed file.
func Stale(stages []engine.Stage, read func(name string) ([]byte, error), more ...map[string][]byte) ([]string, error) {
	files, err := Files(stages, more...)
	if err != nil {
		return nil, err
	}
	var stale []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if old, err := read(name); err != nil || string(old) != string(files[name]) {
			stale = append(stale, name)
		}
	}
	return stale, nil
}
