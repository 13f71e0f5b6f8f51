package sftp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/remotetest"
	"github.com/belay-ml/belay/engine/remote/sftp"
	"github.com/belay-ml/belay/engine/remote/wire"
	"github.com/belay-ml/belay/engine/store"
)

// options are those for a folder of a machine.
func options(t *testing.T, s *remotetest.SSH, folder string) sftp.Options {
	t.Helper()
	return sftp.Options{At: remote.SSH{User: "me", Host: "127.0.0.1", Port: s.Port, Path: folder}, Home: s.Home(t, "127.0.0.1"), System: t.TempDir()}
}

func open(t *testing.T, o sftp.Options) *sftp.Bucket {
	t.Helper()
	b := sftp.Open(o)
	t.Cleanup(func() { b.Close() })
	return b
}

func TestAFolderOfAnotherMachineIsABucket(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	remotetest.Bucket(t, 3<<20, func(t *testing.T) remote.Bucket { return open(t, options(t, s, t.TempDir())) })
}

func TestRequestsShareOneConnection(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	dir := t.TempDir()
	remotetest.Roundtrip(t, open(t, options(t, s, dir)))
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "v1", "tmp")); len(left) > 0 || err != nil {
		t.Errorf("left in tmp: %v %v", left, err)
	}
}

func TestAFolderThatIsNotThereIsNotMade(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	missing := filepath.Join(t.TempDir(), "team", "belay")
	b := open(t, options(t, s, missing))
	body := remote.Bytes([]byte("x"))
	_, head := b.Head(t.Context(), "v1/ac/x")
	_, get := b.Get(t.Context(), "v1/ac/x", 0)
	for what, err := range map[string]error{
		"head": head, "get": get, "put": b.Put(t.Context(), "v1/cas/x", body), "put new": b.PutNew(t.Context(), "v1/ac/x", body),
	} {
		if !errors.Is(err, remote.ErrDown) || !strings.Contains(err.Error(), missing) || !strings.Contains(fault.HintOf(err), "mkdir -p "+missing) {
			t.Errorf("%s: %v (%s), want one that names the folder", what, err, fault.HintOf(err))
		}
	}
	if _, err := os.Stat(filepath.Dir(missing)); !os.IsNotExist(err) {
		t.Errorf("something made the folder: %v", err)
	}
}

func TestLeftoversOfBrokenUploadsGo(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	dir := t.TempDir()
	tmp := filepath.Join(dir, "v1", "tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{"old": 100 * time.Hour, "new": time.Hour} {
		path := filepath.Join(tmp, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, time.Now().Add(-age), time.Now().Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(t, options(t, s, dir)).Put(t.Context(), "v1/cas/x", remote.Bytes([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(tmp)
	if len(left) != 1 || left[0].Name() != "new" {
		t.Errorf("left: %v, want new alone", left)
	}
}

func noSleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func client(b remote.Bucket, st *store.Store) *remote.Client {
	return remote.New(b, st, remote.Options{Sleep: noSleep})
}

// What happens to files behind the server's back is found, and healed by the next push.
func TestFilesHarmedOnTheOtherMachineAreFound(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	for name, harm := range remotetest.Harms() {
		for _, kind := range []string{"cas", "ac"} {
			dir := t.TempDir()
			here, there := remotetest.Workspace(t), remotetest.Workspace(t)
			b := open(t, options(t, s, dir))
			rec := remotetest.Made(t, here, "a", remotetest.Files())
			if _, err := client(b, here).Push(t.Context(), rec, event.Stage{}); err != nil {
				t.Fatal(err)
			}
			files, _ := filepath.Glob(filepath.Join(dir, "v1", kind, "*"))
			if err := harm(files[0]); err != nil {
				t.Fatal(err)
			}
			c := client(b, there)
			got, err := c.Pull(t.Context(), key.Key(rec.Key), remotetest.Ports(), event.Stage{})
			if got != nil || err == nil && name+kind != "deletedac" {
				t.Errorf("%s %s: pulled %v, %v", name, kind, got, err)
			}
			if _, err := remote.New(b, here, remote.Options{}).Push(t.Context(), rec, event.Stage{}); err != nil {
				t.Errorf("%s %s: push again: %v", name, kind, err)
			}
		}
	}
}

// cut is a line that breaks, or stands still, after some bytes to the client.
type cut struct {
	net.Conn
	left  *atomic.Int64
	still chan struct{} // nil: it breaks
}

func (c *cut) Write(p []byte) (int, error) {
	if c.left.Add(int64(-len(p))) < 0 {
		if c.still == nil {
			c.Close()
			return 0, net.ErrClosed
		}
		<-c.still
	}
	return c.Conn.Write(p)
}

func TestADownloadGoesOnWhereTheConnectionBroke(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	dir := t.TempDir()
	here, there := remotetest.Workspace(t), remotetest.Workspace(t)
	data := string(remotetest.Random(8<<20, 3))
	rec := remotetest.Made(t, here, "a", map[string]string{"large": data})
	if _, err := client(open(t, options(t, s, dir)), here).Push(t.Context(), rec, event.Stage{}); err != nil {
		t.Fatal(err)
	}
	before := s.Connections()
	var moved atomic.Int64
	s.Be(remotetest.Oddities{Line: func(c net.Conn) net.Conn { // every connection breaks after 3 MiB
		left := &atomic.Int64{}
		left.Store(3 << 20)
		return &cut{Conn: &counted{c, &moved}, left: left}
	}})
	got, err := client(open(t, options(t, s, dir)), there).Pull(t.Context(), key.Key(rec.Key), remotetest.Ports(), event.Stage{})
	if err != nil || got == nil {
		t.Fatalf("pull: %v %v", got, err)
	}
	if n := s.Connections() - before; n < 3 || moved.Load() > 14<<20 {
		t.Errorf("%d connections brought %d bytes, want 3 or more that go on", n, moved.Load())
	}
}

type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.Conn.Write(p)
}

func TestAnUploadThatBreaksLeavesNothingVisible(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	dir := t.TempDir()
	b := open(t, options(t, s, dir))
	if _, err := b.Head(t.Context(), "v1/ac/x"); !errors.Is(err, remote.ErrAbsent) {
		t.Fatal(err)
	}
	body := remote.Bytes(remotetest.Random(1<<20, 4))
	inner := body.Open
	body.Open = func() (remote.Content, error) {
		c, err := inner()
		return &cutting{c, s, 0}, err
	}
	if err := b.Put(t.Context(), "v1/cas/x", body); !errors.Is(err, remote.ErrDown) {
		t.Errorf("have %v, want down", err)
	}
	if _, err := b.Head(t.Context(), "v1/cas/x"); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("after it: %v, want absent, by a new connection", err)
	}
}

// cutting cuts the connection in the middle.
type cutting struct {
	remote.Content
	s *remotetest.SSH
	n int
}

func (c *cutting) Read(p []byte) (int, error) {
	n, err := c.Content.Read(p)
	if c.n += n; c.n > 500_000 {
		c.s.Cut()
	}
	return n, err
}

func TestALineThatBringsABytesAtATimeIsSlowAndRight(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	s.Be(remotetest.Oddities{Line: func(c net.Conn) net.Conn { return &drops{c} }})
	remotetest.Roundtrip(t, open(t, options(t, s, t.TempDir())))
}

// drops hands a few bytes to every read.
type drops struct{ net.Conn }

func (d *drops) Read(p []byte) (int, error) { return d.Conn.Read(p[:min(len(p), 700)]) }

func TestAServerThatStandsStillIsGivenUp(t *testing.T) {
	t.Parallel()
	for what, n := range map[string]int64{"at once": 0, "in the login": 200, "in the middle": 1 << 20} {
		s := remotetest.ServeSSH(t)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x"), remotetest.Random(4<<20, 1), 0o600); err != nil {
			t.Fatal(err)
		}
		still := make(chan struct{})
		s.Be(remotetest.Oddities{Line: func(c net.Conn) net.Conn {
			left := &atomic.Int64{}
			left.Store(n)
			return &cut{Conn: c, left: left, still: still}
		}})
		o := options(t, s, dir)
		o.Limits = wire.Limits{Stall: 300 * time.Millisecond, Connect: 300 * time.Millisecond}
		b := open(t, o)
		body, err := b.Get(t.Context(), "x", 0)
		if err == nil {
			_, err = io.Copy(io.Discard, body)
			body.Close()
		}
		if !errors.Is(err, remote.ErrDown) || n > 1000 && !errors.Is(err, wire.ErrStalled) {
			t.Errorf("%s: %v, want a stall", what, err)
		}
		close(still)
	}
}

func TestAServerThatHangsEndsWithTheContext(t *testing.T) {
	t.Parallel()
	for what, n := range map[string]int64{"in the login": 200, "in the middle": 1 << 20} {
		s := remotetest.ServeSSH(t)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x"), remotetest.Random(4<<20, 1), 0o600); err != nil {
			t.Fatal(err)
		}
		still, hangs := make(chan struct{}), make(chan struct{})
		var once sync.Once
		s.Be(remotetest.Oddities{Line: func(c net.Conn) net.Conn {
			left := &atomic.Int64{}
			left.Store(n)
			return &hanging{cut{Conn: c, left: left, still: still}, func() { once.Do(func() { close(hangs) }) }}
		}})
		o := options(t, s, dir)
		o.Limits = wire.Limits{Stall: time.Hour, Connect: time.Hour} // nothing else ends it
		b := open(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			body, err := b.Get(ctx, "x", 0)
			if err == nil {
				_, err = io.Copy(io.Discard, body)
				body.Close()
			}
			ended <- err
		}()
		<-hangs
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the end of the context", what, err)
		}
		close(still)
	}
}

type hanging struct {
	cut
	tell func()
}

func (h *hanging) Write(p []byte) (int, error) {
	if h.left.Load() < int64(len(p)) {
		h.tell()
	}
	return h.cut.Write(p)
}

func TestWhatIsNotAllowedIsDenied(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	s.Be(remotetest.Oddities{ReadOnly: true})
	dir := t.TempDir()
	b := open(t, options(t, s, dir))
	if err := b.Put(t.Context(), "v1/cas/x", remote.Bytes([]byte("x"))); !errors.Is(err, remote.ErrDenied) {
		t.Errorf("put: %v, want denied", err)
	}
	if _, err := b.Head(t.Context(), "v1/cas/x"); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("head: %v, want absent", err)
	}
	none := remotetest.ServeSSH(t)
	none.Be(remotetest.Oddities{NoSFTP: true})
	if _, err := open(t, options(t, none, dir)).Head(t.Context(), "x"); !errors.Is(err, remote.ErrDenied) || !strings.Contains(err.Error(), "offers no sftp") {
		t.Errorf("without the service: %v", err)
	}
	gone := remotetest.ServeSSH(t)
	o := options(t, gone, dir)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, o.At.Port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	if _, err := open(t, o).Head(t.Context(), "x"); !errors.Is(err, remote.ErrDown) {
		t.Errorf("nobody there: %v, want down", err)
	}
}

// A server that speaks nonsense costs an error.
func TestAServerThatLiesInItsProtocolIsDown(t *testing.T) {
	t.Parallel()
	for what, answer := range map[string][]byte{
		"nothing":   nil,
		"text":      []byte("Welcome to this machine!\r\n"),
		"too large": bytes.Repeat([]byte{0xff}, 64),
		"another":   {0, 0, 0, 5, 2, 0, 0, 0, 9},
		"half":      {0, 0, 0, 5, 2, 0, 0, 0, 3, 0, 0, 0, 50, 101, 1},
	} {
		s := remotetest.ServeSSH(t)
		s.Be(remotetest.Oddities{Serve: func(ch ssh.Channel) { _, _ = ch.Write(answer) }})
		if _, err := open(t, options(t, s, t.TempDir())).Head(t.Context(), "x"); !errors.Is(err, remote.ErrDown) {
			t.Errorf("%s: %v, want down", what, err)
		}
	}
}

// plain is a server that knows no hard links and renames over nothing. Its disk has room for some writes.
type plain struct{ room *atomic.Int64 }

func (p plain) Fileread(r *pkgsftp.Request) (io.ReaderAt, error) { return os.Open(r.Filepath) }

func (p plain) Filewrite(r *pkgsftp.Request) (io.WriterAt, error) {
	f, err := os.OpenFile(r.Filepath, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return plainFile{f, p.room}, nil
}

type plainFile struct {
	*os.File
	room *atomic.Int64
}

func (f plainFile) WriteAt(b []byte, at int64) (int, error) {
	if f.room.Add(int64(-len(b))) < 0 {
		return 0, pkgsftp.ErrSSHFxFailure
	}
	return f.File.WriteAt(b, at)
}

func (p plain) Filecmd(r *pkgsftp.Request) error {
	switch r.Method {
	case "Rename":
		if _, err := os.Lstat(r.Target); err == nil {
			return pkgsftp.ErrSSHFxFailure
		}
		return os.Rename(r.Filepath, r.Target)
	case "Mkdir":
		if err := os.Mkdir(r.Filepath, 0o777); !os.IsExist(err) {
			return err
		}
		return pkgsftp.ErrSSHFxFailure
	case "Remove":
		return os.Remove(r.Filepath)
	}
	return pkgsftp.ErrSSHFxOpUnsupported
}

type infos []os.FileInfo

func (l infos) ListAt(out []os.FileInfo, at int64) (int, error) {
	n := copy(out, l[min(at, int64(len(l))):])
	if n < len(out) {
		return n, io.EOF
	}
	return n, nil
}

func (p plain) Filelist(r *pkgsftp.Request) (pkgsftp.ListerAt, error) {
	if r.Method != "List" {
		st, err := os.Lstat(r.Filepath)
		return infos{st}, err
	}
	return infos{}, nil
}

func servePlain(t *testing.T, room int64) *remotetest.SSH {
	t.Helper()
	p := plain{&atomic.Int64{}}
	p.room.Store(room)
	s := remotetest.ServeSSH(t)
	s.Be(remotetest.Oddities{Serve: func(ch ssh.Channel) {
		_ = pkgsftp.NewRequestServer(ch, pkgsftp.Handlers{FileGet: p, FilePut: p, FileCmd: p, FileList: p}).Serve()
	}})
	return s
}

func TestServersOfThePlainProtocolWillDo(t *testing.T) {
	t.Parallel()
	s := servePlain(t, 1<<40)
	remotetest.Bucket(t, 3<<20, func(t *testing.T) remote.Bucket { return open(t, options(t, s, t.TempDir())) })
}

func TestAFullDiskOfTheOtherMachineIsDenied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, options(t, servePlain(t, 500_000), dir))
	err := b.Put(t.Context(), "v1/cas/x", remote.Bytes(remotetest.Random(1<<20, 1)))
	if !errors.Is(err, remote.ErrDenied) || !strings.Contains(err.Error(), "is its disk full?") {
		t.Errorf("have %v, want denied", err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "v1", "tmp")); len(left) > 0 {
		t.Errorf("left in tmp: %v", left)
	}
	if err := b.Put(t.Context(), "v1/cas/y", remote.Bytes(nil)); err != nil {
		t.Errorf("after it: %v", err)
	}
}
