package torchpt

import (
	"fmt"
	"strconv"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/mapped"
)

// File is an open PyTorch file. It implements ckpt.Source over every tensor in it.
type File struct {
	m     *mapped.File
	root  any
	infos []ckpt.Info
	index map[string]*Tensor
	walks int
}

// Open maps path, runs its pickle on the restricted machine and keeps the tensors for later.
func Open(path string) (*File, error) {
	m, err := mapped.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open torch file: %w", err)
	}
	f := &File{m: m, index: map[string]*Tensor{}}
	if f.root, err = read(m); err == nil {
		err = f.flatten("", f.root, 0)
	}
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("read torch file %s: %w", path, err)
	}
	return f, nil
}

// read finds the container and gives the value in it.
func read(m *mapped.File) (any, error) {
	head, err := m.Range(0, min(4, m.Size()))
	if err != nil {
		return nil, err
	}
	if string(head) == "PK\x03\x04" {
		return readZip(m)
	}
	return readLegacy(m)
}

// Root is the value that torch.load would give.
func (f *File) Root() any { return f.root }

// List describes every tensor, named by its path, in the order of the dictionaries.
func (f *File) List() []ckpt.Info { return append([]ckpt.Info(nil), f.infos...) }

// Bytes are the contiguous elements of a tensor.
func (f *File) Bytes(name string) ([]byte, error) {
	t, ok := f.index[name]
	if !ok {
		return nil, fmt.Errorf("read %s: no tensor %q", f.m.Path(), name)
	}
	b, err := t.Bytes()
	if err != nil {
		return nil, fmt.Errorf("read %s: tensor %q: %w", f.m.Path(), name, err)
	}
	return b, nil
}

// Close unmaps the file; slices that Bytes gave are invalid afterwards.
func (f *File) Close() error { return f.m.Close() }

// Limits of the walk for tensors: values that refer to themselves or share parts many times over would
// otherwise never end.
const (
	maxDepth   = 32
	maxTensors = 1 << 20
	maxWalk    = 1 << 18 // dictionaries and sequences looked into, each time they are met
	maxName    = 4096
)

func (f *File) flatten(path string, v any, depth int) error {
	if depth > maxDepth {
		return nil
	}
	if f.walks++; f.walks > maxWalk {
		return fmt.Errorf("dictionaries share their parts too many times over")
	}
	join := func(key any) (string, bool) {
		var s string
		switch k := key.(type) {
		case string:
			s = k
		case int64:
			s = strconv.FormatInt(k, 10)
		default:
			return "", false
		}
		if path != "" {
			s = path + "." + s
		}
		return s, len(s) <= maxName
	}
	switch x := v.(type) {
	case *Tensor:
		if path == "" {
			path = "tensor"
		}
		if _, ok := f.index[path]; ok {
			return nil // {"a.b": x, "a": {"b": y}}: the first stands
		}
		if len(f.infos) >= maxTensors {
			return fmt.Errorf("more than %d tensors", maxTensors)
		}
		f.index[path] = x
		f.infos = append(f.infos, x.Info(path))
	case *Dict:
		for i := range x.Len() {
			key, val := x.At(i)
			if leaf(val) {
				continue
			}
			if name, ok := join(key); ok {
				if err := f.flatten(name, val, depth+1); err != nil {
					return err
				}
			}
		}
	case *List:
		return f.flattenAll(join, x.Items, depth)
	case Tuple:
		return f.flattenAll(join, x, depth)
	}
	return nil
}

// flattenAll walks a sequence. Sequences nest only where state dictionaries put them (optimizer lists).
func (f *File) flattenAll(join func(any) (string, bool), items []any, depth int) error {
	if depth > 4 {
		return nil
	}
	for i, it := range items {
		if leaf(it) {
			continue
		}
		if name, ok := join(int64(i)); ok {
			if err := f.flatten(name, it, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func leaf(v any) bool {
	switch v.(type) {
	case *Tensor, *Dict, *List, Tuple:
		return false
	}
	return true
}

// storages makes the persistent-id resolver of a container; find gives the reader of a key's bytes.
func storages(find func(key string, size int64) (func() ([]byte, error), error)) func(id any) (any, error) {
	made := map[string]*storage{}
	return func(id any) (any, error) {
		t, ok := id.(Tuple)
		if !ok || len(t) < 5 || t[0] != "storage" {
			return nil, fmt.Errorf("persistent id %.80v is not a storage", id)
		}
		g, ok := t[1].(Global)
		if !ok {
			return nil, fmt.Errorf("storage class is %T", t[1])
		}
		d, err := storageType(g)
		if err != nil {
			return nil, err
		}
		key, ok := t[2].(string)
		n, ok2 := t[4].(int64)
		if !ok || !ok2 || n < 0 || n > 1<<56 {
			return nil, fmt.Errorf("storage %.80v of %v elements", t[2], t[4])
		}
		if s, ok := made[key]; ok {
			if s.size != n*int64(d.Size()) || s.dt != d {
				if s.size != n*int64(d.Size()) {
					return nil, fmt.Errorf("storage %q is said to have %d and %d bytes", key, s.size, n*int64(d.Size()))
				}
				return &storage{key: key, size: s.size, dt: d, read: s.bytes}, nil
			}
			return s, nil
		}
		s := &storage{key: key, size: n * int64(d.Size()), dt: d}
		if s.read, err = find(key, s.size); err != nil {
			return nil, err
		}
		made[key] = s
		return s, nil
	}
}
