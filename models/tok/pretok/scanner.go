package pretok

import "iter"

// Scanner cuts text: given a position below len(s), it returns where the piece that begins there ends
// (always further on) and whether the piece matched the pattern or is what lies between two matches.
// The text ends where s ends: look-ahead sees nothing behind it.
type Scanner func(s string, i int) (end int, matched bool)

// Words counts the pieces that scan cuts texts into, as the training of a vocabulary wants them.
func Words(texts iter.Seq[string], scan Scanner) map[string]int {
	words := map[string]int{}
	for text := range texts {
		for i := 0; i < len(text); {
			end, _ := scan(text, i)
			words[text[i:end]]++
			i = end
		}
	}
	return words
}
