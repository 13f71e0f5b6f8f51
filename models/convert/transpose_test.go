package convert

import "testing"

func BenchmarkTranspose(b *testing.B) {
	block := Block{Shape: []int{3072, 5120}, Size: 2, Data: make([]byte, 2*3072*5120)}
	b.SetBytes(int64(len(block.Data)))
	for b.Loop() {
		if _, err := flip(block); err != nil {
			b.Fatal(err)
		}
	}
}
