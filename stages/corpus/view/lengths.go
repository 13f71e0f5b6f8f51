package view

import "github.com/belay-ml/belay/stages/corpus"

// Lengths tells how long samples are, in ids.
type Lengths struct {
	Shortest int `json:"shortest"`
	Median   int `json:"median"`
	Longest  int `json:"longest"`
	Empty    int `json:"empty,omitempty"`
	// Bins counts samples by length: bin i holds those from i*Width on, and less than (i+1)*Width.
	Width int     `json:"bin_width"`
	Bins  []int64 `json:"bins"`
}

const (
	bins    = 32
	exactTo = 1 << 20 // lengths up to here are counted one by one, for the median
)

// measure counts n lengths. It goes over them twice rather than keep them.
func measure(n int, length func(i int) int) Lengths {
	m := &meter{}
	for i := range n {
		m.bound(length(i))
	}
	m.cut()
	for i := range n {
		m.count(length(i))
	}
	return m.lengths()
}

// measurePacks counts the samples of packs.
func measurePacks(ids, lengths *corpus.Index) (*Packs, Lengths, error) {
	m := &meter{}
	p := &Packs{Samples: lengths.Tokens()}
	filled := int64(0)
	each := func(do func(n int)) error {
		var row []int32
		var err error
		for i := range lengths.Sequences() {
			if row, err = lengths.Append(row[:0], i); err != nil {
				return err
			}
			for _, n := range row {
				do(int(max(n, 0)))
			}
		}
		return nil
	}
	if err := each(func(n int) { m.bound(n); filled += int64(n) }); err != nil {
		return nil, Lengths{}, err
	}
	m.cut()
	if err := each(m.count); err != nil {
		return nil, Lengths{}, err
	}
	if all := ids.Tokens(); all > 0 {
		p.Fill = float64(filled) / float64(all)
	}
	return p, m.lengths(), nil
}

// meter finds the bounds first, and then counts.
type meter struct {
	l     Lengths
	n     int64
	cells []int64 // by length, several to a cell when they are long
	cell  int
}

func (m *meter) bound(n int) {
	if m.n == 0 || n < m.l.Shortest {
		m.l.Shortest = n
	}
	m.l.Longest = max(m.l.Longest, n)
	m.n++
}

func (m *meter) cut() {
	m.l.Width = m.l.Longest/bins + 1
	m.l.Bins = make([]int64, m.l.Longest/m.l.Width+1)
	m.cell = m.l.Longest/exactTo + 1
	m.cells = make([]int64, m.l.Longest/m.cell+1)
}

func (m *meter) count(n int) {
	if n == 0 {
		m.l.Empty++
	}
	m.l.Bins[n/m.l.Width]++
	m.cells[n/m.cell]++
}

func (m *meter) lengths() Lengths {
	seen := int64(0)
	for i, c := range m.cells {
		if seen += c; seen > m.n/2 {
			m.l.Median = i * m.cell
			break
		}
	}
	return m.l
}
