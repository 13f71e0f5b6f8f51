package remote_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/dir"
	"github.com/belay-ml/belay/engine/remote/remotetest"
)

// shapes are the two kinds of artifacts there are: weights, and folders of many small files.
func shapes() map[string]map[string]string {
	small := map[string]string{}
	for i := range 2000 {
		small[fmt.Sprintf("%d/%d", i%40, i)] = string(remotetest.Random(1000, uint64(i)))
	}
	return map[string]map[string]string{
		"2 x 64 MiB":    {"a": string(remotetest.Random(64<<20, 1)), "b": string(remotetest.Random(64<<20, 2))},
		"2000 x 1000 B": small,
	}
}

func BenchmarkPush(b *testing.B) {
	for name, files := range shapes() {
		b.Run(name, func(b *testing.B) {
			st := remotetest.Workspace(b)
			rec := remotetest.Made(b, st, "a", files)
			root := b.TempDir()
			b.SetBytes(rec.Bytes)
			for b.Loop() {
				if err := os.RemoveAll(root + "/v1"); err != nil {
					b.Fatal(err)
				}
				if _, err := remote.New(dir.Open(root), st, remote.Options{}).Push(b.Context(), rec, event.Stage{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPull(b *testing.B) {
	for name, files := range shapes() {
		b.Run(name, func(b *testing.B) {
			st := remotetest.Workspace(b)
			rec := remotetest.Made(b, st, "a", files)
			bucket := dir.Open(b.TempDir())
			if _, err := remote.New(bucket, st, remote.Options{}).Push(b.Context(), rec, event.Stage{}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(rec.Bytes)
			for b.Loop() {
				there := remotetest.Workspace(b)
				if got, err := remote.New(bucket, there, remote.Options{}).Pull(b.Context(), key.Key(rec.Key), nil, event.Stage{}); got == nil || err != nil {
					b.Fatal(got, err)
				}
			}
		})
	}
}
