package torchpt

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strings"

	"github.com/belay-ml/belay/models/ckpt/mapped"
)

// maxRatio bounds how far a deflated entry may grow: deflate cannot exceed about 1032.
const maxRatio = 1040

// readZip reads the container of PyTorch 1.6 and later.
func readZip(m *mapped.File) (any, error) {
	z, err := zip.NewReader(m, m.Size())
	if err != nil {
		return nil, fmt.Errorf("%w (is the file truncated?)", err)
	}
	entries := make(map[string]*zip.File, len(z.File))
	root, found := "", false
	for _, e := range z.File {
		if _, ok := entries[e.Name]; ok {
			return nil, fmt.Errorf("zip entry %q twice", e.Name)
		}
		entries[e.Name] = e
		if path.Base(e.Name) == "data.pkl" {
			if found {
				return nil, fmt.Errorf("two data.pkl entries: %q and %q", root+"data.pkl", e.Name)
			}
			root, found = strings.TrimSuffix(e.Name, "data.pkl"), true
		}
	}
	if !found {
		return nil, fmt.Errorf("zip archive without data.pkl: not a torch checkpoint")
	}
	if e, ok := entries[root+"byteorder"]; ok {
		b, err := entry(m, e)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(string(b)) != "little" {
			return nil, fmt.Errorf("byte order %.20q is not supported: save the file on a little-endian machine", b)
		}
	}
	if n := entries[root+"data.pkl"].UncompressedSize64; n > maxPickle {
		return nil, fmt.Errorf("data.pkl of %d bytes, more than the limit of %d", n, maxPickle)
	}
	text, err := entry(m, entries[root+"data.pkl"])
	if err != nil {
		return nil, err
	}
	find := func(key string, size int64) (func() ([]byte, error), error) {
		e, ok := entries[root+"data/"+key]
		if !ok {
			return nil, fmt.Errorf("storage %q is not in the archive", key)
		}
		if e.UncompressedSize64 < uint64(size) {
			return nil, fmt.Errorf("storage %q has %d bytes, the pickle says %d", key, e.UncompressedSize64, size)
		}
		return func() ([]byte, error) {
			b, err := entry(m, e)
			if err != nil {
				return nil, err
			}
			return b[:size], nil
		}, nil
	}
	v, _, err := unpickle(text, storages(find))
	if err != nil {
		return nil, fmt.Errorf("%sdata.pkl: %w", root, err)
	}
	return v, nil
}

// entry gives an entry's bytes, checked against its sum: a view of the map when it is stored.
func entry(m *mapped.File, e *zip.File) ([]byte, error) {
	at, err := e.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("zip entry %q: %w", e.Name, err)
	}
	size := e.UncompressedSize64
	raw, err := m.Range(at, int64(e.CompressedSize64))
	if err != nil {
		return nil, fmt.Errorf("zip entry %q: %w", e.Name, err)
	}
	switch e.Method {
	case zip.Store:
		if size != e.CompressedSize64 {
			return nil, fmt.Errorf("zip entry %q: stored as %d bytes, said to be %d", e.Name, e.CompressedSize64, size)
		}
	case zip.Deflate:
		if size > uint64(len(raw))*maxRatio+1024 {
			return nil, fmt.Errorf("zip entry %q: %d bytes claim to inflate to %d", e.Name, len(raw), size)
		}
		r, err := e.Open()
		if err != nil {
			return nil, fmt.Errorf("zip entry %q: %w", e.Name, err)
		}
		defer r.Close()
		var buf bytes.Buffer
		if _, err := io.Copy(&buf, io.LimitReader(r, int64(size)+1)); err != nil {
			return nil, fmt.Errorf("zip entry %q: %w", e.Name, err)
		}
		if uint64(buf.Len()) != size {
			return nil, fmt.Errorf("zip entry %q: inflates to other than %d bytes", e.Name, size)
		}
		return buf.Bytes(), nil
	default:
		return nil, fmt.Errorf("zip entry %q: compression method %d is not supported", e.Name, e.Method)
	}
	if sum := crc32.ChecksumIEEE(raw); sum != e.CRC32 {
		return nil, fmt.Errorf("zip entry %q at byte %d: checksum %08x, want %08x: the file is damaged", e.Name, at, sum, e.CRC32)
	}
	return raw, nil
}
