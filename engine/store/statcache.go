package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
)

// An entry of the file is Stat as five little-endian 64-bit words, the digest, and a CRC-32 of both.
const (
	statEntry = 5*8 + 32 + 4
	maxStats  = 256 << 20 // bytes; a larger file is begun anew
)

// Margins between a file's times and the moment it was seen, see the package documentation.
const (
	sourceMargin = 2 * time.Second
	sealedMargin = 20 * time.Millisecond // two ticks at 100 Hz
)

// statCache is the set of known file states, and the file that they are appended to.
type statCache struct {
	path string
	// guess takes a file's state for its content, where nothing outlives the store (see OpenFleeting).
	guess bool

	mu      sync.Mutex
	loaded  bool
	known   map[artifact.Stat][32]byte
	pending []byte // entries not yet appended
}

// sources and sealed are the cache under its two margins.
type (
	sources struct{ *statCache }
	sealed  struct{ *statCache }
)

func (c sources) Remember(st artifact.Stat, d artifact.Digest, seen time.Time) {
	c.remember(st, d, seen, sourceMargin)
}

func (c sealed) Remember(st artifact.Stat, d artifact.Digest, seen time.Time) {
	margin := sealedMargin
	if st.Mtime%int64(time.Second) == 0 && st.Ctime%int64(time.Second) == 0 {
		margin = sourceMargin // a file system with a coarse clock
	}
	c.remember(st, d, seen, margin)
}

// moved makes the digest of a state that of the one to which it has changed because a name of the file was removed. Nothing
// was written between the two when time and size of the content are the same.
func (c sealed) moved(from, to artifact.Stat) {
	if d, ok := c.Digest(from); ok && !c.guess && from.Mtime == to.Mtime && from.Size == to.Size {
		c.put(to, d)
	}
}

// Digest is the digest of a file state, if it is known.
func (c *statCache) Digest(st artifact.Stat) (artifact.Digest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	sum, ok := c.known[st]
	switch {
	case !ok && c.guess:
		return artifact.HashText(fmt.Sprint(st)), true
	case !ok:
		return "", false
	}
	return artifact.Digest(hex.EncodeToString(sum[:])), true
}

func (c *statCache) remember(st artifact.Stat, d artifact.Digest, seen time.Time, margin time.Duration) {
	if max(st.Mtime, st.Ctime) < seen.Add(-margin).UnixNano() {
		c.put(st, d)
	}
}

func (c *statCache) put(st artifact.Stat, d artifact.Digest) {
	var sum [32]byte
	if n, err := hex.Decode(sum[:], []byte(d)); err != nil || n != len(sum) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load()
	if c.known[st] == sum {
		return
	}
	c.known[st] = sum
	c.pending = appendEntry(c.pending, st, sum)
	if len(c.pending) >= 1024*statEntry {
		c.append()
	}
}

// flush appends what is pending. Losing it costs a hash, so the caller may ignore the error.
func (c *statCache) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.append()
}

func (c *statCache) append() error {
	if len(c.pending) == 0 {
		return nil
	}
	data := c.pending
	c.pending = nil
	f, err := os.OpenFile(c.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data) // one write, so that entries of several processes do not mix
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// load reads the file once. A damaged or mostly outdated one is replaced by its good part.
func (c *statCache) load() {
	if c.loaded {
		return
	}
	c.loaded = true
	c.known = map[artifact.Stat][32]byte{}
	st, err := os.Stat(c.path)
	if err != nil {
		return
	}
	var data []byte
	if st.Size() <= maxStats {
		data, _ = os.ReadFile(c.path)
	}
	entries := 0
	for rest := data; len(rest) >= statEntry; rest = rest[statEntry:] {
		st, sum, ok := readEntry(rest)
		if !ok {
			break
		}
		c.known[st] = sum
		entries++
	}
	if int64(entries*statEntry) != st.Size() || entries > 2*len(c.known)+4096 {
		c.rewrite()
	}
}

func (c *statCache) rewrite() {
	var all []byte
	for st, sum := range c.known {
		all = appendEntry(all, st, sum)
	}
	f, err := os.CreateTemp(filepath.Dir(c.path), "stat-")
	if err != nil {
		return
	}
	_, err = f.Write(all)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil || os.Rename(f.Name(), c.path) != nil {
		os.Remove(f.Name())
	}
}

func appendEntry(b []byte, st artifact.Stat, sum [32]byte) []byte {
	start := len(b)
	for _, v := range [5]uint64{st.Dev, st.Ino, uint64(st.Size), uint64(st.Mtime), uint64(st.Ctime)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = append(b, sum[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
}

func readEntry(b []byte) (st artifact.Stat, sum [32]byte, ok bool) {
	b = b[:statEntry]
	if crc32.ChecksumIEEE(b[:statEntry-4]) != binary.LittleEndian.Uint32(b[statEntry-4:]) {
		return st, sum, false
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	st = artifact.Stat{Dev: word(0), Ino: word(1), Size: int64(word(2)), Mtime: int64(word(3)), Ctime: int64(word(4))}
	copy(sum[:], b[40:])
	return st, sum, !bytes.Equal(sum[:], make([]byte, 32))
}
