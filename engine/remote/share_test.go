package remote_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/remotetest"
)

func (b *bench) share(pull, push bool) (*remote.Share, *[]string) {
	warnings := &[]string{}
	return remote.NewShare(b.client, pull, push, func(text string) { *warnings = append(*warnings, text) }), warnings
}

func told(t *testing.T, warnings *[]string, want ...string) {
	t.Helper()
	if len(*warnings) != len(want) {
		t.Errorf("%d warnings, want %d: %q", len(*warnings), len(want), *warnings)
		return
	}
	for i, w := range want {
		if !strings.Contains((*warnings)[i], w) {
			t.Errorf("warning %q, want %q", (*warnings)[i], w)
		}
	}
}

func TestARemoteThatIsDownIsSaidOnceAndLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bucket.OnGet = func(string, int64, io.ReadCloser) (io.ReadCloser, error) {
		return nil, remote.Fail(remote.ErrDown, "the cable is out")
	}
	s, warnings := b.share(true, true)
	b.bucket.Forget()
	for range 3 {
		if rec := s.Pull(t.Context(), b.key(), nil, event.Stage{}); rec != nil {
			t.Errorf("pulled %v", rec)
		}
		if m := s.Look(t.Context(), b.key(), nil); m != nil {
			t.Errorf("found %v", m)
		}
		s.Push(t.Context(), b.rec, event.Stage{})
	}
	told(t, warnings, "the cable is out: the remote is left alone for the rest of this run")
	if d := cmp.Diff(3, len(b.bucket.Calls())); d != "" {
		t.Errorf("calls: %v, want the three attempts of the first", b.bucket.Calls())
	}
}

func TestWhoMayOnlyReadIsToldOnceAndGoesOnReading(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bucket.OnPut = func(string) error { return remote.Fail(remote.ErrDenied, "403 Forbidden") }
	s, warnings := b.share(true, true)
	for _, name := range []string{"x", "y"} {
		s.Push(t.Context(), remotetest.Made(t, b.there, name, map[string]string{"f": name}), event.Stage{})
	}
	told(t, warnings, "403 Forbidden")
	if !strings.Contains((*warnings)[0], "remote.push: false") {
		t.Errorf("no way out in %q", (*warnings)[0])
	}
	if rec := s.Pull(t.Context(), b.key(), remotetest.Ports(), event.Stage{}); rec == nil {
		t.Error("nothing was pulled")
	}
}

func TestARemoteThatIsSomethingElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bucket.Bucket = everywhere{b.bucket.Bucket, "<html>please log in</html>"}
	s, warnings := b.share(true, true)
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		if rec := s.Pull(t.Context(), key.Key(artifact.HashText(name)), nil, event.Stage{}); rec != nil {
			t.Errorf("pulled %v", rec)
		}
	}
	told(t, warnings, "it is a web page", "it is a web page", "too many wrong answers")
}

// Damaged blobs are no reason to give the remote up: its results are results.
func TestDamagedBlobsCostTheirResultsOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, p := range b.objects("cas") {
		edit(t, p, func(d []byte) []byte { d[0] ^= 1; return d })
	}
	s, warnings := b.share(true, true)
	for range 4 {
		s.Pull(t.Context(), b.key(), nil, event.Stage{})
	}
	told(t, warnings, "wrong bytes", "wrong bytes", "wrong bytes", "wrong bytes")
	rec := remotetest.Made(t, b.here, "z", map[string]string{"f": "1"})
	s.Push(t.Context(), rec, event.Stage{})
	if got := b.objects("ac"); !strings.Contains(strings.Join(got, " "), filepath.Join("ac", rec.Key)) {
		t.Error("the remote was given up")
	}
}

// everywhere answers every read with one text.
type everywhere struct {
	remote.Bucket
	text string
}

func (e everywhere) Get(ctx context.Context, _ string, _ int64) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(e.text)), ctx.Err()
}

func TestACancelledRunWarnsOfNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.bucket.OnGet = func(string, int64, io.ReadCloser) (io.ReadCloser, error) {
		cancel()
		return nil, errors.New("whatever")
	}
	s, warnings := b.share(true, true)
	s.Pull(ctx, b.key(), nil, event.Stage{})
	s.Push(ctx, b.rec, event.Stage{})
	told(t, warnings)
}
