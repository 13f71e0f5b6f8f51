package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestGCChild is no test: it is the program that the next one starts. It opens the store many times, as many short
// runs do, and every time finds or makes results and reads them.
func TestGCChild(t *testing.T) {
	dir := os.Getenv("BELAY_TEST_GC")
	if dir == "" {
		t.Skip("only a program for another test")
	}
	for round := range 60 {
		s := open(t, dir, nil)
		s.grain = 0
		for i := range 2 {
			n := (round + i) % 8
			name, text := fmt.Sprint("k", n), fmt.Sprint("text ", n%4)
			rec, ok := s.Lookup(ctx, keyOf(name))
			if !ok {
				// Other keys with the same content have their artifact go and come too.
				rec = publish(t, s, name, map[string]string{"f": text})
			}
			for range 20 { // as a stage downstream does
				if have, err := os.ReadFile(filepath.Join(rec.Path("out"), "f")); string(have) != text {
					t.Fatalf("round %d, %s: %q %v", round, name, have, err)
				}
			}
		}
		s.Close()
		fmt.Println(round)
	}
}

func TestCollectingBesideRunningProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, nil)
	s.grain = 0
	rounds := make(chan string, 1000)
	var children errgroup.Group
	for range 2 {
		c := exec.Command(os.Args[0], "-test.run=^TestGCChild$")
		c.Env = append(os.Environ(), "BELAY_TEST_GC="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children.Go(func() error {
			all := ""
			for lines := bufio.NewScanner(out); lines.Scan(); all += lines.Text() + "\n" {
				rounds <- lines.Text()
			}
			if err := c.Wait(); err != nil {
				return fmt.Errorf("%w\n%s", err, all)
			}
			return nil
		})
	}
	go func() {
		if err := children.Wait(); err != nil {
			t.Error(err)
		}
		close(rounds)
	}()
	taken := 0
	for range rounds {
		// For days everything is old, but not for the processes that use it.
		for _, g := range collect(t, s, Collection{Days: 30, Apply: true, Now: time.Now().AddDate(0, 0, 40)}).Gone {
			if g.What == GoneArtifact {
				taken++
			}
		}
	}
	if taken == 0 {
		t.Error("nothing was collected meanwhile")
	}
	t.Logf("%d artifacts were collected", taken)
}
