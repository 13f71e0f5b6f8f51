package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/models/ckpt"
)

// DirWriter fills the files of a directory: one SingleName, or numbered shards and their index. It is
// safe for concurrent use.
type DirWriter struct {
	dir    string
	shards []*Writer
	names  []string // of the shard files
	owner  map[string]int
	total  int64
}

// CreateDir declares the tensors of dir. Shards hold at most shardSize bytes of elements, or one
// larger tensor; 0 means no limit.
func CreateDir(dir string, infos []ckpt.Info, shardSize int64, meta map[string]string) (*DirWriter, error) {
	groups := [][]ckpt.Info{nil}
	size := int64(0)
	d := &DirWriter{dir: dir, owner: map[string]int{}}
	for _, i := range infos {
		last := len(groups) - 1
		if shardSize > 0 && size > 0 && size+i.Size() > shardSize {
			groups = append(groups, nil)
			last++
			size = 0
		}
		groups[last] = append(groups[last], i)
		size += i.Size()
		d.owner[i.Name] = last
		d.total += i.Size()
	}
	for k, g := range groups {
		name := SingleName
		if len(groups) > 1 {
			name = fmt.Sprintf("model-%05d-of-%05d.safetensors", k+1, len(groups))
		}
		w, err := Create(filepath.Join(dir, name), g, meta)
		if err != nil {
			d.Abort()
			return nil, err
		}
		d.shards = append(d.shards, w)
		d.names = append(d.names, name)
	}
	return d, nil
}

// Put writes a declared tensor's elements into its shard.
func (d *DirWriter) Put(name string, data []byte) error {
	k, ok := d.owner[name]
	if !ok {
		return fmt.Errorf("write %s: tensor %q was not declared", d.dir, name)
	}
	return d.shards[k].Put(name, data)
}

// Append writes the next bytes of a declared tensor into its shard.
func (d *DirWriter) Append(name string, data []byte) error {
	k, ok := d.owner[name]
	if !ok {
		return fmt.Errorf("write %s: tensor %q was not declared", d.dir, name)
	}
	return d.shards[k].Append(name, data)
}

// Close publishes the shards and then the index, so that an index never names a missing shard.
func (d *DirWriter) Close() error {
	for k, w := range d.shards {
		if err := w.Close(); err != nil {
			for _, later := range d.shards[k+1:] {
				later.Abort()
			}
			return err
		}
	}
	if len(d.shards) == 1 {
		return nil
	}
	weights := map[string]string{}
	for name, k := range d.owner {
		weights[name] = d.names[k]
	}
	doc := map[string]any{"metadata": map[string]any{"total_size": d.total}, "weight_map": weights}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("write shard index: %w", err)
	}
	if err := renameio.WriteFile(filepath.Join(d.dir, IndexName), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write shard index: %w", err)
	}
	return nil
}

// Abort removes what was written.
func (d *DirWriter) Abort() error {
	var errs []error
	for _, w := range d.shards {
		errs = append(errs, w.Abort())
	}
	return errors.Join(errs...)
}
