package pos_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/belay-ml/belay/dsl/pos"
)

// Positions are those that counting character by character gives, whatever the text.
func TestPositionsCountCharacters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Repeat(rapid.StringOf(rapid.SampledFrom([]rune("ab\n\r 日é𝄞"))).Draw(t, "text"), rapid.IntRange(1, 300).Draw(t, "times"))
		f := pos.NewFile("f", "", "", text)
		line, col := 1, 1
		offsets := map[int][2]int{}
		for i, r := range text {
			offsets[i] = [2]int{line, col}
			if col++; r == '\n' {
				line, col = line+1, 1
			}
		}
		offsets[len(text)] = [2]int{line, col}
		i := rapid.IntRange(0, len(text)).Draw(t, "offset")
		for i < len(text) && !utf8.RuneStart(text[i]) {
			i++
		}
		want := offsets[i]
		if p := f.At(i); p.Line != want[0] || p.Col != want[1] {
			t.Fatalf("at %d: want %v, have %d:%d", i, want, p.Line, p.Col)
		}
		if off := f.Offset(want[0], want[1]); off != i {
			t.Fatalf("offset of %v: want %d, have %d", want, i, off)
		}
	})
}

func TestOffsetsOutsideAreClipped(t *testing.T) {
	t.Parallel()
	f := pos.NewFile("f", "", "", "aé\nb")
	for at, want := range map[[2]int]int{{0, 1}: 0, {1, 0}: 0, {1, 3}: 3, {1, 99}: 3, {2, 1}: 4, {2, 9}: 5, {3, 1}: 5} {
		if have := f.Offset(at[0], at[1]); have != want {
			t.Errorf("%v: want %d, have %d", at, want, have)
		}
	}
}
