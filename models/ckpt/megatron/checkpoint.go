package megatron

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/models/ckpt/torchpt"
)

// Checkpoint is an open iteration of a checkpoint directory.
type Checkpoint struct {
	Folder     string // the iteration folder
	Iteration  int    // Release when the folder has no number
	Legacy     bool   // nested Legacy names, not Megatron-Core's
	TP, PP, EP int
	VPP        int // chunks a rank; 1 without virtual pipelines
	Args       Args

	files map[Rank]*torchpt.File
}

// maxRanks bounds the files of a checkpoint.
const maxRanks = 1 << 16

// Chunk is the model part of one rank and one virtual stage.
type Chunk struct {
	Names   []string // tensors in order of storage
	Tensors map[string]*torchpt.Tensor
	Empty   []string // entries that hold no tensor
}

// Open opens every rank of the newest iteration of dir, or of the iteration folder dir.
func Open(dir string) (*Checkpoint, error) {
	folder, iteration, err := locate(dir)
	if err != nil {
		return nil, err
	}
	path, err := rank0(folder)
	if err != nil {
		return nil, err
	}
	first, err := torchpt.Open(path)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Folder: folder, Iteration: iteration, files: map[Rank]*torchpt.File{{}: first}}
	if err := c.open(path, first); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Checkpoint) open(path string, first *torchpt.File) error {
	root, ok := first.Root().(*torchpt.Dict)
	if !ok {
		return fmt.Errorf("open checkpoint %s: the file holds %T, not a dictionary", path, first.Root())
	}
	v, ok := root.Get("args")
	if !ok {
		return fmt.Errorf("open checkpoint %s: no args: the layout is not known", path)
	}
	var err error
	if c.Args, err = argsOf(v); err != nil {
		return fmt.Errorf("open checkpoint %s: %w", path, err)
	}
	if _, ok := root.Get("checkpoint_version"); !ok {
		return fmt.Errorf("open checkpoint %s: no checkpoint_version", path)
	}
	c.TP = c.Args.Int("tensor_model_parallel_size", 1)
	c.PP = c.Args.Int("pipeline_model_parallel_size", 1)
	c.EP = c.Args.Int("expert_model_parallel_size", 1)
	for _, n := range []int{c.TP, c.PP, c.EP} {
		if n < 1 || n > 1<<16 {
			return fmt.Errorf("open checkpoint %s: args give tp %d, pp %d, ep %d", path, c.TP, c.PP, c.EP)
		}
	}
	if n := int64(c.TP) * int64(c.PP) * int64(c.EP); n > maxRanks {
		return fmt.Errorf("open checkpoint %s: args give tp %d, pp %d, ep %d: %d ranks, more than the %d that are read", path, c.TP, c.PP, c.EP, n, maxRanks)
	}
	if v, ok := root.Get("iteration"); ok && c.Iteration == Release && filepath.Base(c.Folder) != "release" {
		if n, ok := v.(int64); ok && n >= 0 {
			c.Iteration = int(n)
		}
	}
	c.VPP = 1
	if _, ok := root.Get("model"); !ok {
		c.VPP = 0
		for {
			if _, ok := root.Get("model" + strconv.Itoa(c.VPP)); !ok {
				break
			}
			c.VPP++
		}
		if c.VPP == 0 {
			return fmt.Errorf("open checkpoint %s: neither model nor model0: keys are %s", path, strings.Join(root.Keys(), ", "))
		}
	}
	model, _ := root.Get(c.key(0))
	if d, ok := model.(*torchpt.Dict); ok {
		_, c.Legacy = d.Get("language_model")
	}
	return c.openRanks()
}

func (c *Checkpoint) openRanks() error {
	var missing []string
	for tp := range c.TP {
		for pp := range c.PP {
			for ep := range c.EP {
				r := Rank{tp, pp, ep}
				if c.files[r] != nil {
					continue
				}
				f, err := torchpt.Open(c.path(r))
				if errors.Is(err, fs.ErrNotExist) {
					missing = append(missing, RankFolder(r, c.PP, c.EP))
					continue
				}
				if err != nil {
					return err
				}
				c.files[r] = f
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("open checkpoint %s: args say tp %d, pp %d, ep %d, but %d rank files are missing: %s: %w",
			c.Folder, c.TP, c.PP, c.EP, len(missing), strings.Join(missing[:min(len(missing), 4)], ", "), fs.ErrNotExist)
	}
	return nil
}

func (c *Checkpoint) path(r Rank) string {
	return filepath.Join(c.Folder, RankFolder(r, c.PP, c.EP), FileName)
}

// key is the name of a virtual stage's weights in a file.
func (c *Checkpoint) key(v int) string {
	if c.VPP > 1 {
		return "model" + strconv.Itoa(v)
	}
	if d, ok := c.files[Rank{}].Root().(*torchpt.Dict); ok {
		if _, ok := d.Get("model"); !ok {
			return "model0"
		}
	}
	return "model"
}

// Chunk gives the tensors of virtual stage v of a rank.
func (c *Checkpoint) Chunk(r Rank, v int) (*Chunk, error) {
	f, ok := c.files[r]
	if !ok {
		return nil, fmt.Errorf("read checkpoint %s: no rank %+v", c.Folder, r)
	}
	root, _ := f.Root().(*torchpt.Dict)
	model, _ := root.Get(c.key(v))
	d, ok := model.(*torchpt.Dict)
	if !ok {
		return nil, fmt.Errorf("read checkpoint %s: %s is %T, not a dictionary", c.path(r), c.key(v), model)
	}
	out := &Chunk{Tensors: map[string]*torchpt.Tensor{}}
	if err := out.add("", d, 0); err != nil {
		return nil, fmt.Errorf("read checkpoint %s: %s: %w", c.path(r), c.key(v), err)
	}
	return out, nil
}

// add collects a dictionary's tensors under dotted names.
func (k *Chunk) add(prefix string, d *torchpt.Dict, depth int) error {
	if depth > 8 {
		return fmt.Errorf("dictionaries nest deeper than 8")
	}
	for i := range d.Len() {
		key, val := d.At(i)
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("key %v is not text", key)
		}
		name = prefix + name
		switch x := val.(type) {
		case *torchpt.Tensor:
			if _, ok := k.Tensors[name]; ok {
				return fmt.Errorf("tensor %q twice", name)
			}
			k.Names = append(k.Names, name)
			k.Tensors[name] = x
		case *torchpt.Dict:
			if err := k.add(name+".", x, depth+1); err != nil {
				return err
			}
		default:
			k.Empty = append(k.Empty, name)
		}
	}
	return nil
}

// Files are the paths of all rank files and their sizes.
func (c *Checkpoint) Files() (map[string]int64, error) {
	out := map[string]int64{}
	for r := range c.files {
		st, err := os.Stat(c.path(r))
		if err != nil {
			return nil, fmt.Errorf("stat checkpoint: %w", err)
		}
		out[c.path(r)] = st.Size()
	}
	return out, nil
}

// Close closes every file; tensor bytes that look into the maps are invalid afterwards.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, f := range c.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
