package store

import (
	"fmt"
	"testing"
)

// BenchmarkPublish publishes trees of small files, as a stage that writes them does.
func BenchmarkPublish(b *testing.B) {
	for _, files := range []int{1, 64, 2000} {
		b.Run(fmt.Sprint(files, " files"), func(b *testing.B) {
			s := open(b, b.TempDir(), nil)
			n := 0
			for b.Loop() {
				n++
				tree := make(map[string]string, files)
				for i := range files {
					tree[fmt.Sprintf("d%d/f%d", i%20, i)] = fmt.Sprint(n, i)
				}
				publish(b, s, fmt.Sprint("k", n), tree)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*files), "µs/file")
		})
	}
}
