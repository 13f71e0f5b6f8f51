package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/ckpt"
)

// SingleName and IndexName are the file names that Hugging Face directories use.
const (
	SingleName = "model.safetensors"
	IndexName  = "model.safetensors.index.json"
)

// maxIndex bounds the index file: names of a million tensors.
const maxIndex = 256 << 20

// OpenDir opens the tensors of a directory: the shards that IndexName lists, else SingleName.
func OpenDir(dir string) (ckpt.Source, error) {
	weights, err := ReadIndex(filepath.Join(dir, IndexName))
	if errors.Is(err, fs.ErrNotExist) {
		f, err := Open(filepath.Join(dir, SingleName))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open %s: neither %s nor %s there: %w", dir, IndexName, SingleName, fs.ErrNotExist)
		}
		return f, err
	}
	if err != nil {
		return nil, err
	}
	files, err := Shards(dir, IndexName, weights)
	if err != nil {
		return nil, err
	}
	var parts []ckpt.Source
	closeAll := func() {
		for _, p := range parts {
			p.Close()
		}
	}
	for _, file := range files {
		f, err := Open(filepath.Join(dir, file))
		if err != nil {
			closeAll()
			return nil, fmt.Errorf("open shard of %s: %w", filepath.Join(dir, IndexName), err)
		}
		parts = append(parts, f)
		for name, in := range weights {
			if _, ok := f.index[name]; in == file && !ok {
				closeAll()
				return nil, fmt.Errorf("open %s: tensor %q is said to be in %s, which does not hold it", filepath.Join(dir, IndexName), name, file)
			}
		}
	}
	joined, err := ckpt.Join(parts...)
	if err != nil {
		closeAll()
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return joined, nil
}

// Shards lists the files of an index, which must all be there.
func Shards(dir, index string, weights map[string]string) ([]string, error) {
	files := slices.Compact(slices.Sorted(maps.Values(weights)))
	var missing []string
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(dir, file)); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, file)
		}
	}
	if len(missing) > 0 { // no fs.ErrNotExist: weights are there
		return nil, fmt.Errorf("open %s: %d of its %d shards are missing: %s", filepath.Join(dir, index), len(missing), len(files), strings.Join(missing[:min(len(missing), 4)], ", "))
	}
	return files, nil
}

// ReadIndex reads the weight_map of a shard index: tensor name to file name. Every file name is local
// to the index's directory. PyTorch's pytorch_model.bin.index.json has the same form.
func ReadIndex(path string) (map[string]string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read shard index: %w", err)
	}
	if st.Size() > maxIndex {
		return nil, fmt.Errorf("read shard index %s: %d bytes, more than the limit of %d", path, st.Size(), maxIndex)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read shard index: %w", err)
	}
	var doc struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read shard index %s: %w", path, err)
	}
	if len(doc.WeightMap) == 0 {
		return nil, fmt.Errorf("read shard index %s: no weight_map", path)
	}
	for name, file := range doc.WeightMap {
		if !filepath.IsLocal(file) || filepath.Base(file) != file || file == "." {
			return nil, fmt.Errorf("read shard index %s: tensor %q: file %q is not a plain name in this directory", path, name, file)
		}
	}
	return doc.WeightMap, nil
}
