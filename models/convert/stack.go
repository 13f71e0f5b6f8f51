package convert

import (
	"fmt"
	"slices"
)

// stack puts tensors one below the other: [gate; up].
type stack struct{}

func (stack) Name() string { return "stack" }

func (stack) Shape(_ Env, parts [][]int) ([]int, error) {
	out := slices.Clone(parts[0])
	for _, p := range parts[1:] {
		if !slices.Equal(p[1:], out[1:]) {
			return nil, fmt.Errorf("shapes %v differ beyond the first axis", parts)
		}
		out[0] += p[0]
	}
	return out, nil
}

func (stack) Forward(_ Env, parts []Block) (Block, error) { return joinRows(parts), nil }

func (stack) Stream(_ Env, parts []Block, yield func([]byte) error) error {
	for _, p := range parts {
		if err := yield(p.Data); err != nil {
			return err
		}
	}
	return nil
}

func (stack) Inverse(_ Env, whole Block, shapes [][]int, k int) (Block, error) {
	from := 0
	for _, s := range shapes[:k] {
		from += s[0]
	}
	return whole.rows(from, from+shapes[k][0]), nil
}
