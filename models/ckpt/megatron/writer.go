package megatron

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/torchpt"
)

// Spec is the layout of a checkpoint to be written.
type Spec struct {
	Iteration  int // Release for a folder without a number
	TP, PP, EP int
	VPP        int // chunks a rank; 1 without virtual pipelines
	Legacy     bool
	Args       Args
}

// Slot is an entry of a chunk in the order of storage; without a tensor it is an _extra_state.
type Slot struct {
	ckpt.Info
	Empty bool
}

// Place names a chunk of a rank.
type Place struct {
	Rank
	Chunk int
}

// Writer fills a checkpoint folder. It is safe for concurrent use.
type Writer struct {
	dir, scratch, folder string
	iteration            int
	files                map[Rank]*torchpt.Writer
	slots                map[Place]map[string]*torchpt.Tensor
}

// Create declares the tensors of every chunk and opens all rank files in a hidden folder of dir.
func Create(dir string, spec Spec, chunks map[Place][]Slot) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create checkpoint: %w", err)
	}
	name := IterationFolder(spec.Iteration)
	scratch, err := os.MkdirTemp(dir, "."+name+"-")
	if err != nil {
		return nil, fmt.Errorf("create checkpoint: %w", err)
	}
	w := &Writer{
		dir: dir, scratch: scratch, folder: filepath.Join(dir, name), iteration: spec.Iteration,
		files: map[Rank]*torchpt.Writer{}, slots: map[Place]map[string]*torchpt.Tensor{},
	}
	if err := w.create(spec, chunks); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

func (w *Writer) create(spec Spec, chunks map[Place][]Slot) error {
	if err := os.Chmod(w.scratch, 0o755); err != nil {
		return fmt.Errorf("create checkpoint: %w", err)
	}
	for tp := range spec.TP {
		for pp := range spec.PP {
			for ep := range spec.EP {
				r := Rank{tp, pp, ep}
				root := torchpt.NewDict()
				args := spec.Args.Clone()
				args.Set("rank", 0)
				root.Set("args", torchpt.Namespace(args.dict))
				root.Set("checkpoint_version", 3.0)
				root.Set("iteration", max(spec.Iteration, 0))
				for v := range spec.VPP {
					key := "model"
					if spec.VPP > 1 {
						key += strconv.Itoa(v)
					}
					p := Place{r, v}
					w.slots[p] = map[string]*torchpt.Tensor{}
					root.Set(key, w.tree(p, chunks[p], spec.Legacy))
				}
				root.Set("num_floating_point_operations_so_far", 0)
				dir := filepath.Join(w.scratch, RankFolder(r, spec.PP, spec.EP))
				if err := os.Mkdir(dir, 0o755); err != nil {
					return fmt.Errorf("create checkpoint: %w", err)
				}
				f, err := torchpt.Create(filepath.Join(dir, FileName), root)
				if err != nil {
					return err
				}
				w.files[r] = f
			}
		}
	}
	return nil
}

// nests are the module paths that Legacy keeps as nested dictionaries, the innermost an OrderedDict of
// dotted names.
var nests = [...][]string{
	{"language_model", "embedding", "word_embeddings"},
	{"language_model", "embedding", "position_embeddings"},
	{"language_model", "encoder"},
	{"language_model", "output_layer"},
	{"word_embeddings_for_head"},
}

// tree arranges a chunk's slots as the format wants them: flat, or nested for Legacy.
func (w *Writer) tree(p Place, slots []Slot, legacy bool) *torchpt.Dict {
	flat := torchpt.NewOrderedDict()
	root := flat
	if legacy {
		root = torchpt.NewDict()
		root.Set("language_model", torchpt.NewDict())
	}
	for _, s := range slots {
		into, name := flat, s.Name
		if legacy {
			into, name = nested(root, s.Name)
		}
		if s.Empty {
			into.Set(name, nil)
			continue
		}
		t := torchpt.NewTensor(s.DType, s.Shape, nil)
		w.slots[p][s.Name] = t
		into.Set(name, t)
	}
	return root
}

// nested finds or makes the dictionary that a Legacy name belongs to, and the rest of the name.
func nested(root *torchpt.Dict, name string) (*torchpt.Dict, string) {
	for _, path := range nests {
		rest, ok := strings.CutPrefix(name, strings.Join(path, ".")+".")
		if !ok {
			continue
		}
		d := root
		for i, part := range path {
			next, ok := d.Get(part)
			if !ok {
				made := torchpt.NewDict()
				if i == len(path)-1 && !strings.Contains(rest, ".lora_") { // adapters are picked into a plain one
					made = torchpt.NewOrderedDict()
				}
				d.Set(part, made)
				next = made
			}
			d, _ = next.(*torchpt.Dict)
		}
		return d, rest
	}
	return root, name
}

// Put writes a declared tensor's elements.
func (w *Writer) Put(p Place, name string, data []byte) error {
	t, ok := w.slots[p][name]
	if !ok {
		return fmt.Errorf("write checkpoint %s: rank %+v holds no tensor %q", w.folder, p, name)
	}
	return w.files[p.Rank].Put(t, data)
}

// Append writes the next elements of a declared tensor; its parts come in order, one at a time.
func (w *Writer) Append(p Place, name string, data []byte) error {
	t, ok := w.slots[p][name]
	if !ok {
		return fmt.Errorf("write checkpoint %s: rank %+v holds no tensor %q", w.folder, p, name)
	}
	return w.files[p.Rank].Append(t, data)
}

// syncs is how many files are synced at once.
const syncs = 8

// Close completes every file, gives the folder its name and then points the tracker at it.
func (w *Writer) Close() error {
	var g errgroup.Group // the disk takes several syncs better than one after the other
	g.SetLimit(syncs)
	for _, f := range w.files {
		g.Go(f.Close)
	}
	if err := g.Wait(); err != nil {
		w.Abort()
		return err
	}
	w.files = nil
	if err := w.publish(); err != nil {
		w.Abort()
		return fmt.Errorf("write checkpoint %s: %w", w.folder, err)
	}
	return nil
}

func (w *Writer) publish() error {
	word := "release"
	if w.iteration != Release {
		word = strconv.Itoa(w.iteration)
	}
	// An iteration that was written before (a run resumed from an older one) is moved aside first.
	old := ""
	if _, err := os.Lstat(w.folder); err == nil {
		old = w.scratch + ".old"
		if err := os.Rename(w.folder, old); err != nil {
			return err
		}
	}
	if err := os.Rename(w.scratch, w.folder); err != nil {
		if old != "" {
			return errors.Join(err, os.Rename(old, w.folder))
		}
		return err
	}
	if err := syncDir(w.dir); err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(w.dir, TrackerName), []byte(word), 0o644); err != nil {
		return err
	}
	if old != "" {
		return os.RemoveAll(old)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Abort removes what was written.
func (w *Writer) Abort() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.Abort())
	}
	return errors.Join(append(errs, os.RemoveAll(w.scratch))...)
}
