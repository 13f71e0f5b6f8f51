package param

import "strings"

// Near is the known name closest to name by edit distance, "" when none is close enough to suggest:
// at most max(2, len/3) edits, and fewer than name has letters. Case and - for _ do not count.
func Near(name string, known []string) string {
	a := fold(name)
	limit := min(max(2, len(a)/3), len(a)-1)
	best, bestDist := "", limit+1
	for _, k := range known {
		if d := distance(a, fold(k), bestDist); d < bestDist {
			best, bestDist = k, d
		}
	}
	return best
}

func fold(s string) []rune {
	return []rune(strings.ReplaceAll(strings.ToLower(s), "-", "_"))
}

// distance is the edit distance of a and b (insert, delete, replace, swap neighbours), or limit when it is
// not below limit.
func distance(a, b []rune, limit int) int {
	if diff := len(a) - len(b); diff >= limit || -diff >= limit {
		return limit
	}
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return min(prev[len(b)], limit)
}
