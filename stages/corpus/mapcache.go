package corpus

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// mapCache keeps the maps of a GPT in a folder, under the names that Megatron gives them. What they were made from is
// part of the description that the names are a digest of: the index file's content too, which Megatron leaves out.
type mapCache struct {
	dir         string
	description []byte
	stem        string
	err         error
}

func newMapCache(g *GPT, cfg GPTConfig) *mapCache {
	c := &mapCache{dir: cfg.Cache}
	var digest [sha256.Size]byte
	raw, err := g.index.idx.Range(0, g.index.idx.Size())
	if err == nil {
		digest = sha256.Sum256(raw)
	}
	description, jerr := json.MarshalIndent(map[string]any{
		"class": "GPTDataset", "dataset_path": g.index.prefix, "num_samples": g.Requested, "index_split": g.Part,
		"random_seed": cfg.Seed, "sequence_length": g.SeqLength, "split": cfg.Split, "index_sha256": hex.EncodeToString(digest[:]),
		"first_sequence": g.First, "sequences": g.Sequences,
	}, "", "    ")
	c.err, c.description = errors.Join(err, jerr), description
	sum := md5.Sum(description)
	c.stem = hex.EncodeToString(sum[:]) + "-GPTDataset-"
	return c
}

// The three maps, by the names and types that Megatron stores them in.
var mapFiles = [3]struct{ name, descr string }{{"document_index", "<i4"}, {"sample_index", "<i4"}, {"shuffle_index", "<u4"}}

func (c *mapCache) path(name string) string { return filepath.Join(c.dir, c.stem+name) }

// load opens the maps if they are there whole; shapes are their rows and columns.
func (c *mapCache) load(shapes [3][2]int64) (document, start, shuffle *table, err error) {
	if c.err != nil {
		return nil, nil, nil, c.err
	}
	have, err := os.ReadFile(c.path("description.txt"))
	if err == nil && string(have) != string(c.description) {
		err = fmt.Errorf("read %s: it describes other maps", c.path("description.txt"))
	}
	if err != nil {
		return nil, nil, nil, err
	}
	var all [3]*table
	for i, f := range mapFiles {
		if all[i], err = openTable(c.path(f.name+".npy"), f.descr, shapes[i][0], shapes[i][1]); err != nil {
			for _, t := range all {
				t.close()
			}
			return nil, nil, nil, err
		}
	}
	return all[0], all[1], all[2], nil
}

// save writes the maps, and the description last.
func (c *mapCache) save(all ...*table) error {
	if c.err != nil {
		return c.err
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("keep maps: %w", err)
	}
	for i, f := range mapFiles {
		if err := all[i].save(c.path(f.name+".npy"), f.descr); err != nil {
			return fmt.Errorf("keep maps: %w", err)
		}
	}
	path := c.path("description.txt")
	err := os.WriteFile(path+".new", c.description, 0o644)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("keep maps: %w", err)
	}
	return nil
}
