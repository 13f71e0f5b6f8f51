package convert

import (
	"encoding/binary"
	"fmt"
)

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
	rows, cols := b.Shape[0], b.Shape[1]
	out := Block{Shape: []int{cols, rows}, Size: b.Size, Data: make([]byte, len(b.Data))}
	for r := 0; r < rows; r += tile {
		for c := 0; c < cols; c += tile {
			flipTile(out.Data, b.Data, rows, cols, b.Size, r, c)
		}
	}
	return out, nil
}

// flipTile turns the square that begins at row r0 and column c0. The sizes of the usual types have loops
// of their own: a copy of a length that is not known takes ten times as long.
func flipTile(to, from []byte, rows, cols, size, r0, c0 int) {
	r1, c1 := min(r0+tile, rows), min(c0+tile, cols)
	le := binary.LittleEndian
	for c := c0; c < c1; c++ {
		line := to[(c*rows+r0)*size : (c*rows+r1)*size]
		at := (r0*cols + c) * size
		switch size {
		case 2:
			for i := 0; i < len(line); i += 2 {
				le.PutUint16(line[i:], le.Uint16(from[at:]))
				at += cols * 2
			}
		case 4:
			for i := 0; i < len(line); i += 4 {
				le.PutUint32(line[i:], le.Uint32(from[at:]))
				at += cols * 4
			}
		default:
			for i := 0; i < len(line); i += size {
				copy(line[i:i+size], from[at:])
				at += cols * size
			}
		}
	}
}
