package corpus

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// mapFile is one map of a data set: its name, its element type there, and how many rows and columns it has.
type mapFile struct {
	name, descr   string
	rows, columns int64
}

// mapCache keeps the maps of a data set in a folder, under the names that Megatron gives them. What they were made from is
// the description that the names are a digest of.
type mapCache struct {
	dir         string
	description []byte
	stem        string
	files       []mapFile
	err         error
}

func newMapCache(dir, class string, facts map[string]any, files []mapFile) *mapCache {
	c := &mapCache{dir: dir, files: files}
	facts["class"] = class
	c.description, c.err = json.MarshalIndent(facts, "", "    ")
	sum := md5.Sum(c.description)
	c.stem = hex.EncodeToString(sum[:]) + "-" + class + "-"
	return c
}

func (c *mapCache) path(name string) string { return filepath.Join(c.dir, c.stem+name) }

// tables maps what the folder holds, and leaves there what fill makes when it holds nothing that fits.
func (c *mapCache) tables(fill func() []*table) ([]*table, error) {
	if c.err != nil {
		return nil, c.err
	}
	if all, err := c.load(); err == nil {
		return all, nil
	}
	if err := c.save(fill()); err != nil {
		return nil, fmt.Errorf("keep maps: %w", err)
	}
	return c.load()
}

// load opens the maps if they are there whole.
func (c *mapCache) load() ([]*table, error) {
	have, err := os.ReadFile(c.path("description.txt"))
	if err == nil && string(have) != string(c.description) {
		err = fmt.Errorf("read %s: it describes other maps", c.path("description.txt"))
	}
	if err != nil {
		return nil, err
	}
	all := make([]*table, len(c.files))
	for i, f := range c.files {
		if all[i], err = openTable(c.path(f.name+".npy"), f.descr, f.rows, f.columns); err != nil {
			return nil, errors.Join(err, closeTables(all))
		}
	}
	return all, nil
}

// save writes the maps, and the description last.
func (c *mapCache) save(all []*table) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	for i, f := range c.files {
		if err := all[i].save(c.path(f.name+".npy"), f.descr); err != nil {
			return err
		}
	}
	path := c.path("description.txt")
	if err := os.WriteFile(path+".new", c.description, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// closeTables lets go of the maps among all that were read from a folder.
func closeTables(all []*table) error {
	var errs []error
	for _, t := range all {
		errs = append(errs, t.close())
	}
	return errors.Join(errs...)
}
