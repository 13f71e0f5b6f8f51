package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// list gives the entries of one of the store's folders; one that is not there has none.
func (s *Store) list(elem ...string) ([]os.DirEntry, error) {
	list, err := os.ReadDir(s.path(elem...))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

// scratches finds the work of interrupted stages that nobody came back to.
func (s *Store) scratches(out *Collected, old func(time.Time) bool) error {
	list, err := s.list("work")
	for _, item := range list {
		k := key.Key(item.Name())
		if !k.Valid() {
			continue
		}
		if _, busy := s.Holder(k); busy {
			continue
		}
		path := s.path("work", item.Name())
		if bytes, changed := extent(path); old(changed) {
			out.Gone = append(out.Gone, Gone{What: GoneScratch, Name: item.Name(), Bytes: bytes, Used: changed,
				Why: "nobody went on with it", paths: []string{path}, lock: k})
		}
	}
	return err
}

// quarantined finds damaged artifacts that have been set aside for long.
func (s *Store) quarantined(out *Collected, old func(time.Time) bool) error {
	list, err := s.list("quarantine")
	for _, item := range list {
		path := s.path("quarantine", item.Name())
		st, err := os.Lstat(path)
		if err != nil || !old(st.ModTime()) {
			continue
		}
		bytes, _ := extent(path)
		g := Gone{What: GoneQuarantine, Name: item.Name(), Bytes: bytes, Used: st.ModTime(), Why: "damaged", paths: []string{path}}
		if m := outline(filepath.Join(path, "manifest.json")); m != nil {
			g.Node, g.Stage, g.Recipe = m.Made.Node, m.Stage, m.Made.Recipe
		}
		out.Gone = append(out.Gone, g)
	}
	return err
}

// events finds the event files of old runs: the bulk of a run's folder, whose gist is in its record.
func (s *Store) events(out *Collected, old func(time.Time) bool) error {
	list, err := s.list("runs")
	for _, item := range list {
		path := s.path("runs", item.Name(), "events.jsonl")
		st, err := os.Lstat(path)
		if err != nil || !old(st.ModTime()) {
			continue
		}
		out.Gone = append(out.Gone, Gone{What: GoneEvents, Name: item.Name(), Bytes: st.Size(), Used: st.ModTime(), Why: "an old run", paths: []string{path}})
	}
	return err
}

// listings finds the listings of sources that no last success read.
func (s *Store) listings(out *Collected, lasts []Last, old func(time.Time) bool) error {
	wanted := map[artifact.Digest]bool{}
	for _, l := range lasts {
		for _, in := range l.Inputs {
			wanted[in.Digest] = true
		}
	}
	return s.each("trees", func(name string) error {
		d := artifact.Digest(strings.TrimSuffix(name, ".json"))
		if !d.Valid() || wanted[d] {
			return nil
		}
		path := s.place("trees", string(d), ".json")
		if st, err := os.Lstat(path); err == nil && old(st.ModTime()) {
			out.Gone = append(out.Gone, Gone{What: GoneListing, Name: string(d), Bytes: st.Size(), Used: st.ModTime(), Why: "no last success read it", paths: []string{path}})
		}
		return nil
	})
}

// rest finds what crashes leave lying in the store's folder: locks that nobody holds, and half-written stat caches.
func (s *Store) rest(out *Collected, old func(time.Time) bool) error {
	list, err := s.list("locks")
	if err != nil {
		return err
	}
	for _, item := range list {
		k := key.Key(item.Name())
		if _, busy := s.Holder(k); busy || !k.Valid() {
			continue
		}
		// Taking a lock and giving it back removes its file.
		out.Gone = append(out.Gone, Gone{What: GoneRest, Name: filepath.Join("locks", item.Name()), Why: "nobody holds it", lock: k})
	}
	if list, err = s.list(); err != nil {
		return err
	}
	for _, item := range list {
		st, err := item.Info()
		if err == nil && strings.HasPrefix(item.Name(), "stat-") && old(st.ModTime()) {
			out.Gone = append(out.Gone, Gone{What: GoneRest, Name: item.Name(), Bytes: st.Size(), Used: st.ModTime(), Why: "half-written", paths: []string{s.path(item.Name())}})
		}
	}
	return nil
}

// busy are the keys that some process computes just now.
func (s *Store) busy() (map[key.Key]bool, error) {
	list, err := s.list("locks")
	out := map[key.Key]bool{}
	for _, item := range list {
		if k := key.Key(item.Name()); k.Valid() {
			if _, held := s.Holder(k); held {
				out[k] = true
			}
		}
	}
	return out, err
}

// extent is the size of a tree and the time of the last change in it.
func extent(root string) (bytes int64, changed time.Time) {
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err != nil || unix.Lstat(path, &st) != nil {
			return nil // gone meanwhile
		}
		if d.Type().IsRegular() {
			bytes += st.Size
		}
		if t := time.Unix(st.Mtim.Unix()); t.After(changed) {
			changed = t
		}
		return nil
	})
	return bytes, changed
}
