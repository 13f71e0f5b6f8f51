package sched_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

func TestTheWorstBandIsTheExitCode(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.opts.KeepGoing = true
	data, compute := fault.New(fault.Data, "bad row"), fault.New(fault.Compute, "loss is NaN")
	r, err := b.try(enginetest.Graph(enginetest.Node("a", enginetest.Fail(compute), "1"), enginetest.Node("b", enginetest.Fail(data), "2"),
		enginetest.Node("c", enginetest.Concat(), "", 1), enginetest.Node("d", enginetest.Concat(), "x")))
	want(t, "error", fmt.Sprint(err), "stage a: loss is NaN\nstage b: bad row")
	want(t, "exit code", fault.CodeOf(err), fault.Compute)
	want(t, "states", fmt.Sprint(r.Nodes[0].State, r.Nodes[1].State, r.Nodes[2].State, r.Nodes[3].State), fmt.Sprint(sched.Failed, sched.Failed, sched.Skipped, sched.Done))
}

func TestACancelledRunSaysSoWhateverFailedBefore(t *testing.T) {
	t.Parallel()
	b, gate := newBench(t), enginetest.NewGate()
	b.opts.KeepGoing = true
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	sink := sinkFunc(func(e event.Event) {
		if e.State != nil && e.State.To == "failed" {
			go func() { <-gate.Started; cancel() }()
		}
	})
	_, err := sched.Run(ctx, enginetest.Graph(enginetest.Node("a", enginetest.Fail(errors.New("x")), ""), enginetest.Node("b", gate, "")), b.st, b.opts, sink)
	want(t, "exit code", fault.CodeOf(err), fault.Cancelled)
}

// holding runs a stage in another store of the workspace until the test ends, so that its key, or its mutex, is held.
func holding(b *bench, g *engine.Graph, gate *enginetest.Gate) {
	b.Helper()
	other, err := store.Open(b.dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := sched.Run(context.Background(), g, other, b.opts, nil); err != nil {
			b.Error(err)
		}
	}()
	<-gate.Started
	b.Cleanup(func() {
		close(gate.Open)
		<-done
		other.Close()
	})
}

// TestNobodyWaitsOnWhenTheRunIsOver cancels, or fails, a run while a node waits for what another process holds.
func TestNobodyWaitsOnWhenTheRunIsOver(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"key", "mutex"} {
		for _, how := range []string{"cancelled", "failed"} {
			t.Run(what+", "+how, func(t *testing.T) {
				t.Parallel()
				b, gate, failing := newBench(t), enginetest.NewGate(), enginetest.NewGate()
				failing.Do = func(ctx context.Context, _ engine.In, _ engine.Out) error {
					select {
					case <-failing.Open:
					case <-ctx.Done():
					}
					return errors.New("boom")
				}
				res := engine.Resources{Mutex: []string{"m"}}
				holding(b, enginetest.Graph(asking("held", gate, res)), gate)
				waiter := asking("waits", gate, res)
				if waiter.Params["text"] = "held"; what == "mutex" {
					waiter.Params["text"] = "other"
				}
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				sink := sinkFunc(func(e event.Event) {
					if e.Log != nil && strings.HasPrefix(e.Log.Text, "waiting for pid") {
						if how == "failed" {
							close(failing.Open)
						} else {
							cancel()
						}
					}
				})
				r, err := sched.Run(ctx, enginetest.Graph(waiter, enginetest.Node("b", failing, "b")), b.st, b.opts, sink)
				if how == "failed" {
					want(t, "error", fmt.Sprint(err), "stage b: boom")
					want(t, "state", r.Nodes[0].State, sched.Skipped)
					want(t, "why", r.Nodes[0].Why, "b failed")
				} else {
					want(t, "exit code", fault.CodeOf(err), fault.Cancelled)
					want(t, "state", r.Nodes[0].State, sched.Cancelled)
				}
			})
		}
	}
}

// TestACancellationEndsTheHashingOfInputs reads a file that never ends: as large as a file system allows, and all hole.
func TestACancellationEndsTheHashingOfInputs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := filepath.Join(b.dir, "huge")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 8<<40); err != nil {
		t.Skipf("no file of 8 TiB here: %v", err)
	}
	n := enginetest.Node("a", enginetest.Concat(), "")
	n.Params["in"] = []any{engine.Source{Path: path, As: "huge"}}
	ctx, cancel := context.WithCancel(context.Background())
	sink := sinkFunc(func(e event.Event) {
		if e.State != nil && e.State.To == "ready" {
			time.AfterFunc(time.Millisecond, cancel)
		}
	})
	r, err := sched.Run(ctx, enginetest.Graph(n), b.st, b.opts, sink)
	want(t, "exit code", fault.CodeOf(err), fault.Cancelled)
	want(t, "state", r.Nodes[0].State, sched.Cancelled)
}

// TestACancellationEndsThePublishingOfOutputs does the same with an output.
func TestACancellationEndsThePublishingOfOutputs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	s := &enginetest.Fake{Spec: enginetest.Spec("huge"), Do: func(_ context.Context, _ engine.In, out engine.Out) error {
		if err := os.WriteFile(out.Path("out"), nil, 0o644); err != nil {
			return err
		}
		if err := os.Truncate(out.Path("out"), 8<<40); err != nil {
			cancel()
			t.Skipf("no file of 8 TiB here: %v", err)
		}
		time.AfterFunc(20*time.Millisecond, cancel)
		return nil
	}}
	r, err := sched.Run(ctx, enginetest.Graph(enginetest.Node("a", s, "")), b.st, b.opts, nil)
	want(t, "exit code", fault.CodeOf(err), fault.Cancelled)
	want(t, "state", r.Nodes[0].State, sched.Cancelled)
	left, _ := os.ReadDir(filepath.Join(b.st.Root(), "artifacts"))
	want(t, "artifacts", len(left), 0)
}

func TestBadSourcesAreNamed(t *testing.T) {
	t.Parallel()
	in := func(dir, name string) string { return filepath.Join(dir, "src", name) }
	for _, c := range []struct {
		name string
		make func(dir string) error
		text string // "" when it is a good source
	}{
		{"a socket", func(d string) error { return syscall.Mknod(in(d, "s"), syscall.S_IFSOCK|0o644, 0) }, "src/s: neither a file, a directory nor a link"},
		{"a pipe", func(d string) error { return syscall.Mkfifo(in(d, "p"), 0o644) }, "src/p: neither a file, a directory nor a link"},
		{"a device", func(d string) error { return syscall.Mknod(in(d, "null"), syscall.S_IFCHR|0o644, 1<<8|3) }, "src/null: neither a file, a directory nor a link"},
		{"a dangling link that leads out", func(d string) error { return os.Symlink("/nowhere/at/all", in(d, "l")) }, "follow "},
		{"a link to itself, from outside", func(d string) error {
			return errors.Join(os.Symlink(filepath.Join(d, "x"), filepath.Join(d, "x")), os.Symlink(filepath.Join(d, "x"), in(d, "l")))
		}, "too many levels of symbolic links"},
		{"a folder that leads back to itself", func(d string) error { return os.Symlink(filepath.Join(d, "src"), in(d, "again")) }, "too many levels of symbolic links"},
		{"a loop that stays inside", func(d string) error { return errors.Join(os.Symlink("b", in(d, "a")), os.Symlink("a", in(d, "b"))) }, ""},
		{"names with line breaks", func(d string) error { return os.WriteFile(in(d, "a\nb\t\x01"), nil, 0o644) }, ""},
		{"names that are no UTF-8", func(d string) error { return os.WriteFile(in(d, "a\xff"), nil, 0o644) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.write("src/file", "x")
			if err := c.make(b.dir); err != nil {
				t.Skip(err)
			}
			s := &enginetest.Fake{Spec: enginetest.Spec("ignores"), Do: func(_ context.Context, _ engine.In, out engine.Out) error {
				return os.WriteFile(out.Path("out"), nil, 0o644)
			}}
			n := enginetest.Node("a", s, "")
			n.Params["in"] = []any{engine.Source{Path: filepath.Join(b.dir, "src"), As: "src"}}
			g := enginetest.Graph(n)
			_, err := b.try(g)
			if c.text == "" {
				want(t, "error", err, nil)
				b.run(g)
				want(t, "runs", s.Runs(), 1)
				return
			}
			if err == nil || !strings.Contains(err.Error(), "stage a: read input src: ") || !strings.Contains(err.Error(), c.text) || fault.CodeOf(err) != fault.Data {
				t.Errorf("code %d, error %v", fault.CodeOf(err), err)
			}
		})
	}
}

func TestBadOutputsAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(root string) error
		text string
		code int
	}{
		{"a socket", func(r string) error { return syscall.Mknod(r+"/s", syscall.S_IFSOCK|0o644, 0) }, "/s: neither a file, a directory nor a link", fault.Data},
		{"a pipe", func(r string) error { return syscall.Mkfifo(r+"/p", 0o644) }, "/p: neither a file, a directory nor a link", fault.Data},
		{"a link out", func(r string) error { return os.Symlink("/etc/passwd", r+"/l") }, "/l: link to /etc/passwd leaves the directory", fault.Data},
		{"a link up", func(r string) error { return os.Symlink("../../x", r+"/l") }, "/l: link to ../../x leaves the directory", fault.Data},
		{"a port that is a link to nowhere", func(r string) error { return errors.Join(os.Remove(r+"/out"), os.Symlink("gone", r+"/out")) }, `port out: no file or directory "out" was written`, fault.Data},
		{"a name that is no UTF-8", func(r string) error { return os.WriteFile(r+"/a\xffb", nil, 0o644) }, `a\xffb": the name of an output, or what it links to, is no UTF-8`, fault.Data},
		{"a link to a name that is no UTF-8", func(r string) error { return os.Symlink("a\xff", r+"/l") }, `/l": the name of an output, or what it links to, is no UTF-8`, fault.Data},
		{"a missing port", func(r string) error { return os.Remove(r + "/out") }, "port out was not written", fault.Internal},
		{"a name with a line break", func(r string) error { return os.WriteFile(r+"/a\nb", nil, 0o644) }, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			skip := ""
			s := &enginetest.Fake{Spec: enginetest.Spec("odd"), Do: func(_ context.Context, _ engine.In, out engine.Out) error {
				err := os.WriteFile(out.Path("out"), nil, 0o644)
				if err := c.make(out.Root); err != nil {
					skip = err.Error()
				}
				return err
			}}
			g := enginetest.Graph(enginetest.Node("a", s, ""))
			_, err := b.try(g)
			switch {
			case skip != "":
				t.Skip(skip)
			case c.text == "":
				want(t, "error", err, nil)
				b.run(g)
				want(t, "runs", s.Runs(), 1)
			case err == nil || !strings.HasPrefix(err.Error(), "stage a: ") || !strings.Contains(err.Error(), c.text) || fault.CodeOf(err) != c.code:
				t.Errorf("code %d, error %v", fault.CodeOf(err), err)
			}
			if left, _ := os.ReadDir(filepath.Join(b.st.Root(), "work")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestAChangeInTheTickOfTheRunIsSeen changes a source from inside the run that has just read it, to as many bytes. Where
// file times are as coarse as the kernel's tick (before Linux 6.13), they are then often those that it was hashed under;
// where they are fine, only TestOnlyOldEnoughStatesAreTrusted of package store can see the margin missing.
func TestAChangeInTheTickOfTheRunIsSeen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	src, next := b.write("in.txt", ""), ""
	s := &enginetest.Fake{Spec: enginetest.Spec("changes")}
	s.Do = func(_ context.Context, in engine.In, out engine.Out) error {
		data, err := os.ReadFile(in.Params.(*enginetest.Params).In[0].Path)
		if err == nil && next != "" {
			err = os.WriteFile(src.Path, []byte(next), 0o644)
		}
		return errors.Join(err, os.WriteFile(out.Path("out"), data, 0o644))
	}
	n := enginetest.Node("a", s, "")
	const changes = 60
	for i := range changes {
		text, changed := fmt.Sprintf("a%03d", i), fmt.Sprintf("b%03d", i)
		n.Params["in"] = []any{b.write("in.txt", text)}
		for next = changed; ; next = "" {
			if r := b.run(enginetest.Graph(n)); b.output(r, "a") != text {
				t.Fatalf("change %d was not seen: %s", i, b.output(r, "a"))
			}
			if next == "" {
				break
			}
			text = changed
		}
	}
	want(t, "runs", s.Runs(), 2*changes)
}

func TestTimesFromTheFutureAreNotTrusted(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	n := enginetest.Node("a", s, "")
	future := time.Now().Add(1000 * time.Hour)
	for _, text := range []string{"one", "two", "six"} {
		src := b.write("in.txt", text)
		if err := os.Chtimes(src.Path, future, future); err != nil {
			t.Fatal(err)
		}
		n.Params["in"] = []any{src}
		r := b.run(enginetest.Graph(n))
		want(t, "output", b.output(r, "a"), text)
	}
}

func TestAFullDiskOfAStageSaysWhatToDo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	full := &os.PathError{Op: "write", Path: "/somewhere/o.bin", Err: syscall.ENOSPC}
	_, err := b.try(enginetest.Graph(enginetest.Node("a", enginetest.Fail(fault.Wrap(fault.Network, full)), "")))
	want(t, "error", fmt.Sprint(err), "stage a: write /somewhere/o.bin: no space left on device")
	want(t, "exit code", fault.CodeOf(err), fault.Compute)
	want(t, "hint", fault.HintOf(err), "the disk of "+b.st.Root()+" is full: make room, or run `belay cache gc`")
}

func TestFailures(t *testing.T) {
	t.Parallel()
	boom := fault.New(fault.Data, "row 3: boom").WithHint("mend row 3")
	for _, c := range []struct {
		name      string
		keepGoing bool
		want      string
	}{
		{"the first failure stops new work", false, "failed skipped skipped"},
		{"keep going", true, "failed skipped done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := newBench(t), enginetest.Concat()
			b.opts.CPU, b.opts.KeepGoing = 1, c.keepGoing
			b.opts.Jobs = 1
			beside := enginetest.Node("c", s, "x")
			r, err := b.try(enginetest.Graph(enginetest.Node("a", enginetest.Fail(boom), ""), enginetest.Node("b", s, "", 0), beside))
			want(t, "error", err.Error(), "stage a: row 3: boom")
			want(t, "exit code", fault.CodeOf(err), fault.Data)
			want(t, "hint", fault.HintOf(err), "mend row 3")
			if !errors.Is(err, boom) {
				t.Error("the cause is lost")
			}
			got := fmt.Sprint(r.Nodes[0].State, " ", r.Nodes[1].State, " ", r.Nodes[2].State)
			if !c.keepGoing && r.Nodes[2].State == sched.Done {
				got = c.want // c was already running when a failed
			}
			want(t, "states", got, c.want)
		})
	}
}

func TestAStageThatWritesTooLittleFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := &enginetest.Fake{Spec: enginetest.Spec("lazy"), Do: func(context.Context, engine.In, engine.Out) error { return nil }}
	_, err := b.try(enginetest.Graph(enginetest.Node("a", s, "")))
	want(t, "error", fmt.Sprint(err), "stage a: port out was not written (out)")
}

func TestAPanicIsAFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := &enginetest.Fake{Spec: enginetest.Spec("panics"), Do: func(context.Context, engine.In, engine.Out) error { panic("want [2 3], have [2 4]") }}
	r, err := b.try(enginetest.Graph(enginetest.Node("a", s, "")))
	want(t, "error", fmt.Sprint(err), "stage a: panic: want [2 3], have [2 4]")
	want(t, "exit code", fault.CodeOf(err), fault.Internal)
	want(t, "state", r.Nodes[0].State, sched.Failed)
	logged := false
	for _, e := range b.events.All() {
		logged = logged || e.Log != nil && strings.Contains(e.Log.Text, "failure_test.go")
	}
	if !logged {
		t.Error("no stack in the log")
	}
}

func TestATimeoutIsAFailure(t *testing.T) {
	t.Parallel()
	b, gate := newBench(t), enginetest.NewGate()
	n := enginetest.Node("a", gate, "")
	n.Timeout = time.Nanosecond
	r, err := b.try(enginetest.Graph(n))
	if err == nil || !strings.Contains(err.Error(), "no end within its timeout of 1ns") || r.Nodes[0].State != sched.Failed {
		t.Error(err, r.Nodes[0].State)
	}
}
