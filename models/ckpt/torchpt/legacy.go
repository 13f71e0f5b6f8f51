package torchpt

import (
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/belay-ml/belay/models/ckpt/mapped"
)

// legacyMagic opens files of PyTorch before 1.6: pickles of a magic number, a protocol number, facts of
// the machine, the value and the storage keys, then each storage's element count and bytes.
const legacyMagic = "1950a86a20f9469cfc6c"

// legacyProtocol is the only protocol number that was ever used.
const legacyProtocol = 1001

func readLegacy(m *mapped.File) (any, error) {
	at := int64(0)
	next := func(persistent func(any) (any, error)) (any, error) {
		data, err := m.Range(at, min(m.Size()-at, maxPickle))
		if err != nil {
			return nil, err
		}
		v, n, err := unpickle(data, persistent)
		if err != nil {
			return nil, fmt.Errorf("at byte %d: %w", at, err)
		}
		at += int64(n)
		return v, nil
	}
	magic, err := next(nil)
	if n, ok := magic.(*big.Int); err != nil || !ok || n.Text(16) != legacyMagic {
		return nil, fmt.Errorf("neither a zip archive nor a legacy torch file")
	}
	if v, err := next(nil); err != nil || v != int64(legacyProtocol) {
		return nil, fmt.Errorf("legacy protocol %v is not known (%v)", v, err)
	}
	if _, err := next(nil); err != nil { // machine facts
		return nil, err
	}

	// Storages come after the value, so their readers look their place up when they are used.
	type place struct{ at, size int64 }
	places := map[string]place{}
	sizes := map[string]int64{}
	elems := map[string]int64{}
	resolve := storages(func(key string, size int64) (func() ([]byte, error), error) {
		sizes[key] = size
		return func() ([]byte, error) {
			p, ok := places[key]
			if !ok {
				return nil, fmt.Errorf("storage %q is not in the file", key)
			}
			return m.Range(p.at, p.size)
		}, nil
	})
	root, err := next(func(id any) (any, error) {
		t, ok := id.(Tuple)
		if ok && len(t) > 5 && t[5] != nil {
			return nil, fmt.Errorf("views of storages are not supported: save the file with PyTorch 1.6 or later")
		}
		v, err := resolve(id)
		if s, ok := v.(*storage); ok {
			elems[s.key] = int64(s.dt.Size())
		}
		return v, err
	})
	if err != nil {
		return nil, err
	}
	keys, err := next(nil)
	if err != nil {
		return nil, err
	}
	list, ok := keys.(*List)
	if !ok {
		return nil, fmt.Errorf("storage keys are %T, not a list", keys)
	}
	for _, k := range list.Items {
		key, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("storage key is %T", k)
		}
		head, err := m.Range(at, 8)
		if err != nil {
			return nil, fmt.Errorf("storage %q: %w", key, err)
		}
		n := binary.LittleEndian.Uint64(head)
		size, known := sizes[key]
		if !known || n*uint64(elems[key]) != uint64(size) {
			return nil, fmt.Errorf("storage %q at byte %d: %d elements, the value says %d bytes", key, at, n, size)
		}
		if _, err := m.Range(at+8, size); err != nil {
			return nil, fmt.Errorf("storage %q: %w (is the file truncated?)", key, err)
		}
		places[key] = place{at + 8, size}
		at += 8 + size
	}
	for key := range sizes {
		if _, ok := places[key]; !ok {
			return nil, fmt.Errorf("storage %q is not in the file", key)
		}
	}
	return root, nil
}
