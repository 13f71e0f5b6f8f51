package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// Collection says what a collection keeps, and whether it is more than a look.
type Collection struct {
	Days    int      // what was used within as many days stays
	MaxSize int64    // bytes that the artifacts may take; 0 is no limit
	Forget  []string // recipes whose last successes keep nothing and go too
	Apply   bool     // remove; otherwise only tell
	Now     time.Time
}

// Collected is what a collection removed, or would.
type Collected struct {
	Gone      []Gone
	Bytes     int64 // of all that is gone
	Kept      int   // artifacts
	KeptBytes int64
	Over      int64 // bytes by which what may not go is larger than MaxSize
}

// What is gone.
const (
	GoneArtifact   = "artifact"   // with the records of its keys
	GoneKey        = "key"        // a record whose artifact is gone, or that cannot be read
	GoneScratch    = "scratch"    // what an interrupted stage could have gone on from
	GoneQuarantine = "quarantine" // a damaged artifact
	GoneEvents     = "events"     // the events of a run; its record and report stay
	GoneLast       = "recipe"     // the last successes of a recipe that is to be forgotten
	GoneListing    = "listing"    // of a source folder that no last success read
	GoneRest       = "rest"       // locks and temporary files of dead processes
)

// ErrNoRecipe says that no recipe of a name ever succeeded here.
var ErrNoRecipe = errors.New("nothing of it ever succeeded in this workspace")

// Gone is one thing that a collection removes.
type Gone struct {
	What   string
	Name   string // digest, key, run or file
	Node   string // stage instance that made it
	Stage  string // its kind
	Recipe string
	Bytes  int64
	Used   time.Time // last use, or last change
	Why    string

	paths []string // in the order in which they go
	lock  key.Key  // to be held meanwhile
}

// Collect removes what nobody keeps: artifacts that no pin, no link below out/, no running process and no last success
// of any recipe reaches and that were not used for some days; then, beyond a size, those used longest ago, however
// reached, but for pinned, linked and running ones; and the remains of runs, sources and crashes.
//
// It is safe beside other processes. Looking up and publishing share a lock that Collect takes alone while it looks and
// moves things into its temporary folder, key records before their artifact; what they found they have touched, and
// nothing goes that was used since the oldest living process began. Bytes are removed after that. A crash leaves
// artifacts without a key at worst, which the next collection removes, and a temporary folder, which the next Open does.
func (s *Store) Collect(ctx context.Context, o Collection) (*Collected, error) {
	out, err := s.collect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("collect: %w", err)
	}
	return out, nil
}

func (s *Store) collect(ctx context.Context, o Collection) (*Collected, error) {
	seen, err := s.count(ctx, nil) // slow where there is much to read, and so before anybody has to wait
	if err != nil {
		return nil, err
	}
	if !o.Apply {
		return s.doomed(ctx, o, seen)
	}
	trash, err := s.tmpDir()
	if err != nil {
		return nil, err
	}
	if trash, err = os.MkdirTemp(trash, "trash-"); err != nil {
		return nil, err
	}
	out, err := s.moveAll(ctx, o, seen, trash)
	return out, errors.Join(err, s.empty(ctx, trash))
}

// moveAll moves what goes into trash, a stretch of time after the other, between which others get on.
func (s *Store) moveAll(ctx context.Context, o Collection, seen *census, trash string) (*Collected, error) {
	var gone []Gone
	for pass := 0; ; pass++ {
		out, whole, err := s.moveAway(ctx, o, &seen, filepath.Join(trash, strconv.Itoa(pass)))
		if err != nil {
			return nil, err
		}
		again := len(gone) > 0 && len(out.Gone) > 0 && slices.ContainsFunc(gone, func(g Gone) bool { return g.What == out.Gone[0].What && g.Name == out.Gone[0].Name })
		gone = append(gone, out.Gone...)
		o.Forget = slices.DeleteFunc(slices.Clone(o.Forget), func(r string) bool {
			return slices.ContainsFunc(out.Gone, func(g Gone) bool { return g.What == GoneLast && g.Name == r })
		})
		if !whole && !again { // what comes back would come back for ever
			continue
		}
		out.Gone, out.Bytes = gone, 0
		for _, g := range gone {
			out.Bytes += g.Bytes
		}
		return out, nil
	}
}

// empty removes what was moved away. Cut short, it leaves the rest to the next Open, as a process that died would.
func (s *Store) empty(ctx context.Context, trash string) error {
	var all []string
	for pass := 0; ; pass++ {
		dir := filepath.Join(trash, strconv.Itoa(pass))
		list, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		for _, item := range list {
			all = append(all, filepath.Join(dir, item.Name()))
		}
	}
	for _, path := range all {
		if ctx.Err() != nil {
			dir := s.path("tmp", "trash-"+random(4))
			return errors.Join(ctx.Err(), os.WriteFile(dir+".lock", nil, 0o644), os.Rename(trash, dir))
		}
		if err := removeAll(path); err != nil {
			return err
		}
		s.at("emptied")
	}
	return os.RemoveAll(trash)
}

// moveAway decides what goes and moves it into trash, while nobody looks anything up. whole is false when there was more
// than time for it.
func (s *Store) moveAway(ctx context.Context, o Collection, seen **census, trash string) (out *Collected, whole bool, err error) {
	release, err := s.exclude(ctx)
	if err != nil {
		return nil, false, err
	}
	defer release()
	if *seen, err = s.count(ctx, *seen); err != nil {
		return nil, false, err
	}
	if out, err = s.doomed(ctx, o, *seen); err != nil {
		return nil, false, err
	}
	if err := os.Mkdir(trash, 0o755); err != nil {
		return nil, false, err
	}
	list, began := out.Gone, time.Now()
	out.Gone = nil
	for n, g := range list {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		gone, err := s.discard(g, filepath.Join(trash, strconv.Itoa(n)))
		if err != nil {
			return nil, false, err
		}
		if gone {
			out.Gone = append(out.Gone, g)
			if time.Since(began) > s.window {
				return out, n == len(list)-1, nil
			}
		}
	}
	return out, true, nil
}

// discard moves one thing away; false when somebody has it just now, or it is gone already.
func (s *Store) discard(g Gone, to string) (bool, error) {
	if g.lock != "" {
		lock, _, err := s.TryLock(g.lock)
		if lock == nil || err != nil {
			return false, err
		}
		defer lock.Release()
	}
	moved := false
	for i, path := range g.paths {
		switch err := os.Rename(path, to+"-"+strconv.Itoa(i)); {
		case err == nil:
			moved = true
			s.at("collected " + g.What)
		case !errors.Is(err, fs.ErrNotExist):
			return false, err
		}
	}
	return moved || len(g.paths) == 0, nil
}

// doomed decides what goes.
func (s *Store) doomed(ctx context.Context, o Collection, c *census) (*Collected, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	cutoff := o.Now.AddDate(0, 0, -o.Days)
	living := s.oldestLiving()
	if !living.IsZero() {
		living = living.Add(-s.grain)
	}
	out := &Collected{}
	forget, err := s.forgotten(out, o.Forget)
	if err != nil {
		return nil, err
	}
	r, err := s.mark(ctx, c, forget, cutoff, living)
	if err != nil {
		return nil, err
	}
	s.artifacts(out, o, r)
	s.records(out, c)
	old := func(t time.Time) bool { return t.Before(cutoff) && (living.IsZero() || t.Before(living)) }
	err = errors.Join(s.scratches(out, old), s.quarantined(out, old), s.events(out, old), s.listings(out, r.lasts, old), s.rest(out, old))
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	for _, g := range out.Gone {
		out.Bytes += g.Bytes
	}
	return out, nil
}

// forgotten finds the last successes of recipes that are to be forgotten, and gives the names of their folders.
func (s *Store) forgotten(out *Collected, recipes []string) (map[string]bool, error) {
	names := map[string]bool{}
	for _, r := range recipes {
		path := s.path("last", fileName(r))
		st, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("forget recipe %s: %w", r, ErrNoRecipe)
		}
		if err != nil {
			return nil, err
		}
		if !names[fileName(r)] {
			out.Gone = append(out.Gone, Gone{What: GoneLast, Name: r, Recipe: r, Used: st.ModTime(), Why: "to be forgotten", paths: []string{path}})
		}
		names[fileName(r)] = true
	}
	return names, nil
}

// artifacts decides which artifacts go, those of longest ago first.
func (s *Store) artifacts(out *Collected, o Collection, r *reach) {
	c := r.census
	var order []artifact.Digest
	for d := range c.artifacts {
		order = append(order, d)
	}
	slices.SortFunc(order, func(a, b artifact.Digest) int {
		return cmp.Or(c.used(a).Compare(c.used(b)), cmp.Compare(a, b))
	})
	var left []artifact.Digest
	for _, d := range order {
		switch by := r.claims[d]; {
		case by != unclaimed:
			left = append(left, d)
			out.Kept++
			out.KeptBytes += c.bytes(d)
		case c.used(d).IsZero():
			out.Gone = append(out.Gone, s.goneArtifact(c, d, "no key leads to it"))
		default:
			out.Gone = append(out.Gone, s.goneArtifact(c, d, "unused for "+age(o.Now.Sub(c.used(d)))))
		}
	}
	if o.MaxSize <= 0 {
		return
	}
	for _, d := range left {
		if out.KeptBytes <= o.MaxSize {
			return
		}
		if r.claims[d] > reachable {
			continue
		}
		out.Kept--
		out.KeptBytes -= c.bytes(d)
		out.Gone = append(out.Gone, s.goneArtifact(c, d, "beyond the size, unused for "+age(o.Now.Sub(c.used(d)))))
	}
	out.Over = max(0, out.KeptBytes-o.MaxSize)
}

func (s *Store) goneArtifact(c *census, d artifact.Digest, why string) Gone {
	g := Gone{What: GoneArtifact, Name: string(d), Bytes: c.bytes(d), Used: c.used(d), Why: why}
	if g.Used.IsZero() {
		g.Used = c.artifacts[d].written
	}
	m := c.artifacts[d].manifest
	if h := c.latest(d); h != nil {
		m = h.manifest
	}
	if m != nil {
		g.Node, g.Stage, g.Recipe = m.Made.Node, m.Stage, m.Made.Recipe
	}
	for _, h := range c.made[d] {
		g.paths = append(g.paths, h.path)
	}
	g.paths = append(g.paths, s.place("artifacts", string(d), ""))
	return g
}

// records decides which key records go.
func (s *Store) records(out *Collected, c *census) {
	for _, path := range c.broken {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		out.Gone = append(out.Gone, Gone{What: GoneKey, Name: name, Why: "it cannot be read", paths: []string{path}})
	}
	var lost []Gone
	for _, h := range c.keys {
		if c.artifacts[h.manifest.Digest] != nil {
			continue
		}
		m := h.manifest
		lost = append(lost, Gone{What: GoneKey, Name: string(h.key), Node: m.Made.Node, Stage: m.Stage, Recipe: m.Made.Recipe, Used: h.used,
			Why: "its artifact is gone", paths: []string{h.path}})
	}
	slices.SortFunc(lost, func(a, b Gone) int { return cmp.Compare(a.Name, b.Name) })
	out.Gone = append(out.Gone, lost...)
}

// age is a stretch of time in days, or hours when it is short.
func age(d time.Duration) string {
	n, unit := int(d.Hours()), "hour"
	if n >= 48 {
		n, unit = n/24, "day"
	}
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", max(n, 0), unit)
}
