package report

import (
	"slices"
	"sort"
)

// Sizes in SVG units, which are pixels at natural size.
const (
	nodeHigh  = 50.0
	nodeMin   = 132.0
	nodeMax   = 300.0
	gapX      = 26.0
	gapY      = 44.0
	charWide  = 8.3 // a character of the title font, generously
	charSmall = 6.8
	margin    = 14.0
	bendWide  = 10.0 // room for an edge that passes a layer
)

// spot is a place in a layer: a node, or a bend of an edge that passes through.
type spot struct {
	node       int // -1 for a bend
	layer      int
	wide       float64
	x, y       float64 // centre
	above      []int   // spots of the layer above that it is tied to
	below      []int
	rank, bary float64
}

// drawing is a graph with coordinates.
type drawing struct {
	Graph
	spots      []spot
	at         []int   // node -> spot
	routes     [][]int // edge -> spots from top to bottom; nil for implied edges
	wide, high float64
}

// layOut places a cleaned graph: layers by longest path, bends for edges over several layers, order by
// barycentre sweeps, coordinates by least squares with room for every spot.
func layOut(g Graph) *drawing {
	d := &drawing{Graph: g, at: make([]int, len(g.Nodes)), routes: make([][]int, len(g.Edges))}
	implied := g.implied()
	layer := make([]int, len(g.Nodes))
	depth := 0
	for i := range g.Nodes {
		for _, e := range g.Edges {
			if e.To == i {
				layer[i] = max(layer[i], layer[e.From]+1)
			}
		}
		depth = max(depth, layer[i]+1)
	}
	// A source that is read late stands next to its first reader, not far above it.
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		first, source := depth, true
		for _, e := range g.Edges {
			if e.To == i {
				source = false
			}
			if e.From == i {
				first = min(first, layer[e.To])
			}
		}
		if source && first < depth {
			layer[i] = first - 1
		}
	}
	layers := make([][]int, depth)
	add := func(s spot) int {
		d.spots = append(d.spots, s)
		k := len(d.spots) - 1
		layers[s.layer] = append(layers[s.layer], k)
		return k
	}
	for i, n := range g.Nodes {
		d.at[i] = add(spot{node: i, layer: layer[i], wide: nodeWide(n)})
	}
	for k, e := range g.Edges {
		if implied[k] {
			continue
		}
		route := []int{d.at[e.From]}
		for l := layer[e.From] + 1; l < layer[e.To]; l++ {
			route = append(route, add(spot{node: -1, layer: l, wide: bendWide}))
		}
		route = append(route, d.at[e.To])
		for i := 1; i < len(route); i++ {
			d.spots[route[i-1]].below = append(d.spots[route[i-1]].below, route[i])
			d.spots[route[i]].above = append(d.spots[route[i]].above, route[i-1])
		}
		d.routes[k] = route
	}
	d.order(layers)
	d.place(layers)
	return d
}

func nodeWide(n Node) float64 {
	w := max(float64(len([]rune(n.ID)))*charWide+44, float64(len([]rune(n.Kind+n.Detail)))*charSmall+60)
	return min(max(w, nodeMin), nodeMax)
}

// order sorts each layer by the mean rank of the spots it is tied to, down and up, and keeps the
// order with the fewest crossings.
func (d *drawing) order(layers [][]int) {
	rank := func(l []int) {
		for i, k := range l {
			d.spots[k].rank = float64(i)
		}
	}
	for _, l := range layers {
		rank(l)
	}
	best, fewest := copyLayers(layers), d.crossings(layers)
	for sweep := 0; sweep < 12 && fewest > 0; sweep++ {
		for i := range layers {
			l, ties := layers[i], func(s *spot) []int { return s.above }
			if sweep%2 == 1 {
				l, ties = layers[len(layers)-1-i], func(s *spot) []int { return s.below }
			}
			for _, k := range l {
				s := &d.spots[k]
				s.bary = s.rank
				if t := ties(s); len(t) > 0 {
					s.bary = 0
					for _, o := range t {
						s.bary += d.spots[o].rank / float64(len(t))
					}
				}
			}
			sort.SliceStable(l, func(a, b int) bool { return d.spots[l[a]].bary < d.spots[l[b]].bary })
			rank(l)
		}
		if c := d.crossings(layers); c < fewest {
			best, fewest = copyLayers(layers), c
		}
	}
	for i := range layers {
		copy(layers[i], best[i])
		rank(layers[i])
	}
}

func copyLayers(layers [][]int) [][]int {
	out := make([][]int, len(layers))
	for i, l := range layers {
		out[i] = slices.Clone(l)
	}
	return out
}

// crossings counts pairs of ties that cross between neighbouring layers.
func (d *drawing) crossings(layers [][]int) int {
	n := 0
	for _, l := range layers {
		var ties [][2]float64
		for _, k := range l {
			for _, o := range d.spots[k].below {
				ties = append(ties, [2]float64{d.spots[k].rank, d.spots[o].rank})
			}
		}
		if len(ties) > 500 { // a graph that nobody reads as a picture: its order is good enough
			continue
		}
		for i, a := range ties {
			for _, b := range ties[:i] {
				if (a[0]-b[0])*(a[1]-b[1]) < 0 {
					n++
				}
			}
		}
	}
	return n
}

// place gives coordinates: every spot wants the mean of its neighbours, and gets the nearest place that
// keeps order and distance.
func (d *drawing) place(layers [][]int) {
	for _, l := range layers {
		x := 0.0
		for _, k := range l {
			s := &d.spots[k]
			s.x = x + s.wide/2
			x += s.wide + gapX
		}
		for _, k := range l { // centred to begin with
			d.spots[k].x -= (x - gapX) / 2
		}
	}
	for pass := range 24 {
		for i := range layers {
			l := layers[i]
			if pass%2 == 1 {
				l = layers[len(layers)-1-i]
			}
			want := make([]float64, len(l))
			for j, k := range l {
				s := &d.spots[k]
				ties := append(slices.Clone(s.above), s.below...)
				want[j] = s.x
				if len(ties) > 0 {
					want[j] = 0
					for _, o := range ties {
						want[j] += d.spots[o].x / float64(len(ties))
					}
				}
			}
			d.settle(l, want)
		}
	}
	left, right := 0.0, 0.0
	for _, s := range d.spots {
		left, right = min(left, s.x-s.wide/2), max(right, s.x+s.wide/2)
	}
	for i := range d.spots {
		s := &d.spots[i]
		s.x += margin - left
		s.y = margin + nodeHigh/2 + float64(s.layer)*(nodeHigh+gapY)
	}
	d.wide = right - left + 2*margin
	d.high = 2*margin + float64(len(layers))*(nodeHigh+gapY) - gapY
	if len(layers) == 0 {
		d.high = 2 * margin
	}
}

// settle puts a layer as near to what it wants as order and distances allow: pool adjacent violators
// on positions with the distances taken out.
func (d *drawing) settle(l []int, want []float64) {
	type block struct {
		sum, n float64
		first  int
	}
	offset := make([]float64, len(l))
	for i := 1; i < len(l); i++ {
		offset[i] = offset[i-1] + (d.spots[l[i-1]].wide+d.spots[l[i]].wide)/2 + gapX
	}
	var blocks []block
	for i := range l {
		blocks = append(blocks, block{want[i] - offset[i], 1, i})
		for n := len(blocks); n > 1 && blocks[n-2].sum/blocks[n-2].n > blocks[n-1].sum/blocks[n-1].n; n = len(blocks) {
			blocks[n-2].sum += blocks[n-1].sum
			blocks[n-2].n += blocks[n-1].n
			blocks = blocks[:n-1]
		}
	}
	for b, bl := range blocks {
		end := len(l)
		if b+1 < len(blocks) {
			end = blocks[b+1].first
		}
		for i := bl.first; i < end; i++ {
			d.spots[l[i]].x = bl.sum/bl.n + offset[i]
		}
	}
}
