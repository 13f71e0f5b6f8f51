package artifact

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Stat identifies one state of a file without reading it.
type Stat struct {
	Dev, Ino     uint64
	Size         int64 // bytes
	Mtime, Ctime int64 // nanoseconds since 1970
}

// StatCache remembers digests of file states. Digest answers only when the state proves that the bytes have
// not changed since; see the store for the rule. seen is a moment not after the one at which the state was
// taken. Implementations are safe for concurrent use.
type StatCache interface {
	Digest(Stat) (Digest, bool)
	Remember(st Stat, d Digest, seen time.Time)
}

func statOf(st *unix.Stat_t) Stat {
	return Stat{Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano()}
}

// StatFile is the state of the file that path leads to.
func StatFile(path string) (Stat, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Stat{}, fmt.Errorf("stat %s: %w", path, err)
	}
	return statOf(&st), nil
}
