package corpus

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/models/ckpt/mapped"
)

// table is rows of 32-bit cells, in memory or in a NumPy file.
type table struct {
	columns int64
	cells   []uint32

	file *mapped.File // instead of cells
	raw  []byte
}

func (t *table) rows() int64 {
	if t.file != nil {
		return int64(len(t.raw)) / (4 * t.columns)
	}
	return int64(len(t.cells)) / t.columns
}

func (t *table) at(row, column int64) uint32 {
	i := row*t.columns + column
	if t.file != nil {
		return binary.LittleEndian.Uint32(t.raw[4*i:])
	}
	return t.cells[i]
}

func (t *table) close() error {
	if t == nil || t.file == nil {
		return nil
	}
	return t.file.Close()
}

// npyMagic begins a NumPy file of format version 1.0, which goes on with the length of a header in two bytes.
const npyMagic = "\x93NUMPY\x01\x00"

// npyHeader is what stands before the cells; the whole is a multiple of 64 bytes long.
func npyHeader(descr string, rows, columns int64) string {
	shape := fmt.Sprintf("(%d,)", rows)
	if columns > 1 {
		shape = fmt.Sprintf("(%d, %d)", rows, columns)
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	pad := 63 - (len(npyMagic)+2+len(text))%64
	text += strings.Repeat(" ", pad) + "\n"
	var n [2]byte
	binary.LittleEndian.PutUint16(n[:], uint16(len(text)))
	return npyMagic + string(n[:]) + text
}

// save writes a table as a NumPy file, by rename.
func (t *table) save(path, descr string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	out := bufio.NewWriterSize(f, spillAt)
	out.WriteString(npyHeader(descr, t.rows(), t.columns)) // bufio keeps the first error
	var b [4]byte
	for _, c := range t.cells {
		binary.LittleEndian.PutUint32(b[:], c)
		out.Write(b[:])
	}
	if err := errors.Join(out.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// openTable maps a NumPy file that holds exactly such a table.
func openTable(path, descr string, rows, columns int64) (*table, error) {
	f, err := mapped.Open(path)
	if err != nil {
		return nil, err
	}
	raw, err := f.Range(0, f.Size())
	head := npyHeader(descr, rows, columns)
	if err == nil && (!strings.HasPrefix(string(raw[:min(len(raw), len(head))]), head) || int64(len(raw)-len(head)) != 4*rows*columns) {
		err = fmt.Errorf("read %s: not the table of %d rows that is looked for", path, rows)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &table{columns: columns, file: f, raw: raw[len(head):]}, nil
}
