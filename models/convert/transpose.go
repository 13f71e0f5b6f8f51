package convert

import "fmt"

// transpose swaps the axes of a matrix, as GPT-2 and grouped experts keep them.
type transpose struct{}

func (transpose) Name() string { return "transpose" }

func (transpose) Shape(_ Env, parts [][]int) ([]int, error) {
	if len(parts) != 1 || len(parts[0]) != 2 {
		return nil, fmt.Errorf("shapes %v are not one matrix", parts)
	}
	return []int{parts[0][1], parts[0][0]}, nil
}

func (transpose) Forward(_ Env, parts []Block) (Block, error) { return flip(parts[0]) }

func (transpose) Inverse(_ Env, whole Block, _ [][]int, _ int) (Block, error) { return flip(whole) }

// tile is the edge of the squares that are turned at once, so that both sides stay in the cache.
const tile = 32

func flip(b Block) (Block, error) {
	if len(b.Shape) != 2 {
		return Block{}, fmt.Errorf("shape %v is not a matrix", b.Shape)
	}
	rows, cols, size := b.Shape[0], b.Shape[1], b.Size
	out := make([]byte, len(b.Data))
	for r0 := 0; r0 < rows; r0 += tile {
		for c0 := 0; c0 < cols; c0 += tile {
			for r := r0; r < min(r0+tile, rows); r++ {
				for c := c0; c < min(c0+tile, cols); c++ {
					copy(out[(c*rows+r)*size:(c*rows+r+1)*size], b.Data[(r*cols+c)*size:])
				}
			}
		}
	}
	return Block{Shape: []int{cols, rows}, Size: size, Data: out}, nil
}
