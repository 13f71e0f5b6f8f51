package cpu

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// cachedJob copies rows into a cache.
type cachedJob struct {
	grid
	cache, x  mat
	slot, pos []int32
	maxLen    int
}

func (j *cachedJob) run(_ *worker, i int) {
	r0, r1, _, _ := j.part(i)
	for r := r0; r < r1; r++ {
		copy(j.cache.row(int(j.slot[r])*j.maxLen+int(j.pos[r])), j.x.row(r))
	}
}

func checkCache(what string, cache tensor.Tensor, rows, maxLen int, slot, pos []int32) {
	wantLen(what, "slots", len(slot), rows)
	wantLen(what, "positions", len(pos), rows)
	for i, p := range pos {
		if p < 0 || int(p) >= maxLen || slot[i] < 0 || (int(slot[i])+1)*maxLen > cache.Rows {
			panic(fmt.Sprintf("cpu: %s: row %d at position %d of slot %d, cache %v has slots of %d", what, i, p, slot[i], cache, maxLen))
		}
	}
}

// CacheStore copies row r of x to row pos[r] of slot slot[r].
func (b *Backend) CacheStore(cache, x tensor.Tensor, slot, pos []int32, maxLen int) {
	want("cache store", "x", x, x.Rows, cache.Cols)
	checkCache("cache store", cache, x.Rows, maxLen, slot, pos)
	j := &b.cached
	*j = cachedJob{byRows(x.Rows, x.Cols), open(cache), open(x), slot, pos, maxLen}
	b.pool.run(j, j.parts())
}

// AttentionCached attends from new rows to a cache. Rows that follow one another in one slot (a prompt)
// are done in blocks, single ones (decoding) as products with vectors.
func (b *Backend) AttentionCached(o, q, kcache, vcache tensor.Tensor, slot, pos []int32, maxLen int, spec *op.AttentionSpec) {
	const what = "cached attention"
	checkAttention(what, q, kcache, vcache, spec)
	want(what, "o", o, q.Rows, q.Cols)
	checkCache(what, kcache, q.Rows, maxLen, slot, pos)
	j := &b.attention
	blocks := j.blocks[:0]
	for r := 0; r < q.Rows; {
		end := r + 1
		for end < q.Rows && slot[end] == slot[r] && pos[end] == pos[end-1]+1 {
			end++
		}
		step := blockStep(end - r)
		for ; r < end; r += step {
			blocks = append(blocks, queryBlock{row: r, n: min(step, end-r), pos: int(pos[r]), keys: int(slot[r]) * maxLen})
		}
		r = end
	}
	*j = attentionJob{o: open(o), q: open(q), k: open(kcache), v: open(vcache), spec: *spec, blocks: blocks}
	b.pool.run(j, len(blocks)*spec.Heads)
}
