package preprocess

// heldBlock is how many numbers are taken from memory at a time, 1 MiB.
const heldBlock = 256 << 10

// held are samples in memory.
type held struct {
	blocks  [][]int32
	samples []heldSample
	ends    []int // of each record: the samples up to its end
	size    int   // numbers in blocks
}

// heldSample is where a sample lies: its ids, and the runs of its labels behind them.
type heldSample struct{ block, at, ids, runs int32 }

func (h *held) add(ids, runs []int32) {
	n := len(ids) + len(runs)
	last := len(h.blocks) - 1
	if last < 0 || cap(h.blocks[last])-len(h.blocks[last]) < n {
		h.blocks = append(h.blocks, make([]int32, 0, max(n, heldBlock)))
		last++
	}
	b := h.blocks[last]
	h.samples = append(h.samples, heldSample{int32(last), int32(len(b)), int32(len(ids)), int32(len(runs))})
	h.blocks[last] = append(append(b, ids...), runs...)
	h.size += n
}

func (h *held) endRecord() { h.ends = append(h.ends, len(h.samples)) }

func (h *held) record(i int) (from, to int) {
	if i > 0 {
		from = h.ends[i-1]
	}
	return from, h.ends[i]
}

func (h *held) ids(i int) []int32 {
	s := h.samples[i]
	return h.blocks[s.block][s.at:][:s.ids]
}

func (h *held) runs(i int) []int32 {
	s := h.samples[i]
	return h.blocks[s.block][s.at+s.ids:][:s.runs]
}
