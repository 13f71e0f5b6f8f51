package sched_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// childEnv holds the workspace in which this test binary, started again, runs killGraph.
const childEnv = "BELAY_TEST_CHILD"

// killNodes is the number of stages that write; the other graph nodes join them.
const killNodes = 6

// killGraph writes files and folders from several stages, one of them resumable. Every run of a stage adds a line
// to runs.log.
func killGraph(dir string) *engine.Graph {
	logged := func(f *enginetest.Fake) *enginetest.Fake {
		do := f.Do
		f.Do = func(ctx context.Context, in engine.In, out engine.Out) error {
			log, err := os.OpenFile(filepath.Join(dir, "runs.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
			if err != nil {
				return err
			}
			fmt.Fprintln(log, f.Spec.Name)
			log.Close()
			return do(ctx, in, out)
		}
		return f
	}
	tree := &enginetest.Fake{Spec: enginetest.Spec("tree"), Do: func(_ context.Context, in engine.In, out engine.Out) error {
		for i := range 5 {
			file := filepath.Join(out.Path("out"), fmt.Sprint("d", i%2), fmt.Sprint("f", i))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(file, []byte(in.Params.(*enginetest.Params).Text+strings.Repeat("x", 1000)), 0o644); err != nil {
				return err
			}
		}
		return nil
	}}
	logged(tree)
	concat := logged(enginetest.Concat())
	nodes := []engine.Node{enginetest.Node("s", logged(enginetest.Steps(20, nil)), "")}
	for i := range killNodes {
		nodes = append(nodes, enginetest.Node(fmt.Sprint("n", i), concat, fmt.Sprint(i), i))
	}
	nodes = append(nodes, enginetest.Node("t1", tree, "1"), enginetest.Node("t2", tree, "2"))
	// A gate that is open, one that is shut, and a list over both.
	score := len(nodes)
	open, shut := gated(enginetest.Node("cell[1]", concat, "open"), above(0.2, score)), gated(enginetest.Node("cell[2]", concat, "shut"), above(0.4, score))
	open.Name, shut.Name = "cell", "cell"
	all := enginetest.Node("all", concat, "")
	all.Params["in"] = []any{engine.Output{Node: score + 1, Port: "out", Cell: true}, engine.Output{Node: score + 2, Port: "out", Cell: true}}
	nodes = append(nodes, enginetest.Node("score", concat, `{"acc": 0.3}`), open, shut, all)
	g := enginetest.Graph(nodes...)
	for i := range nodes {
		g.Outputs = append(g.Outputs, engine.Link{Name: nodes[i].ID, Node: i, Port: "out"})
	}
	return g
}

// TestChild is no test: it is the program that the others start and kill.
func TestChild(t *testing.T) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		t.Skip("only a program for other tests")
	}
	st, err := store.Open(dir, func(text string) { t.Error(text) })
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	sink := sinkFunc(func(e event.Event) { fmt.Println(e.Stage) })
	if _, err := sched.Run(context.Background(), killGraph(dir), st, sched.Options{CPU: 3}, sink); err != nil {
		t.Error(err)
	}
}

func child(t *testing.T, dir string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// outputs reads all linked outputs.
func outputs(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	root := filepath.Join(dir, "out/test")
	links, _ := os.ReadDir(root)
	for _, l := range links {
		target, err := filepath.EvalSymlinks(filepath.Join(root, l.Name()))
		if err != nil {
			t.Errorf("a link leads nowhere: %v", err)
			continue
		}
		err = filepath.WalkDir(target, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			all[l.Name()+strings.TrimPrefix(path, target)] = string(data)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	return all
}

func TestKillingAnywhereLeavesAGoodStore(t *testing.T) {
	t.Parallel()
	clean := newBench(t)
	clean.run(killGraph(clean.dir))
	good := outputs(t, clean.dir)
	if len(good) < killNodes+10 {
		t.Fatalf("only %d outputs", len(good))
	}
	kills := 20
	if testing.Short() {
		kills = 3
	}
	dir := t.TempDir()
	for i := range kills {
		if i%7 == 6 {
			dir = t.TempDir() // begin anew, so that early kills happen too
		}
		cmd, out := child(t, dir)
		lines := bufio.NewScanner(out)
		for n := rand.IntN(1 + 5*len(good)/2); n > 0 && lines.Scan(); n-- {
		}
		for until := time.Now().Add(time.Duration(rand.IntN(1500)) * time.Microsecond); time.Now().Before(until); {
		}
		cmd.Process.Kill()
		cmd.Wait()
		for name, text := range outputs(t, dir) {
			if good[name] != text {
				t.Errorf("after kill %d, %s holds %q", i, name, text)
			}
		}
	}
	b := &bench{TB: t, dir: dir, opts: clean.opts, events: &enginetest.Events{}}
	b.open()
	defer b.st.Close()
	b.run(killGraph(dir))
	want(t, "outputs", outputs(t, dir), good)
	want(t, "warnings", b.warnings, nil)
	err := b.st.Verify(context.Background(), func(v store.Verdict) {
		if v.Damage != nil {
			t.Errorf("artifact %s: %v", v.Digest, v.Damage)
		}
	})
	if err != nil {
		t.Error(err)
	}
	b.st.Close()
	for _, folder := range []string{"work", "tmp", "locks", "quarantine"} {
		if left, _ := os.ReadDir(filepath.Join(b.st.Root(), folder)); len(left) > 0 {
			t.Errorf("left in %s: %v", folder, left)
		}
	}
}

func TestProcessesShareTheWork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var cmds []*exec.Cmd
	for range 3 {
		cmd, out := child(t, dir)
		go io.Copy(io.Discard, out)
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "runs.log"))
	if err != nil {
		t.Fatal(err)
	}
	if runs := strings.Count(string(log), "\n"); runs != killNodes+6 {
		t.Errorf("%d runs of %d stages", runs, killNodes+6)
	}
}
