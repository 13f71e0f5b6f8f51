package hfdownload

import "strings"

// matchAny says whether any pattern matches path, by the rules of huggingface_hub's
// filter_repo_objects: fnmatch on the whole path, where a pattern ending in "/" means all below it.
func matchAny(patterns []string, path string) bool {
	for _, p := range patterns {
		if strings.HasSuffix(p, "/") {
			p += "*"
		}
		if fnmatch([]rune(p), []rune(path)) {
			return true
		}
	}
	return false
}

// fnmatch is Python's fnmatch.fnmatchcase: * is any run of characters, slashes included, ? is any one,
// [seq] and [!seq] one of a set with ranges; a [ without its ] is itself. Only the last star needs
// to be tried again, so the work is bounded by the product of both lengths.
func fnmatch(pat, s []rune) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		if p < len(pat) && pat[p] == '*' {
			star, mark = p, i
			p++
			continue
		}
		if n, ok := matchOne(pat[min(p, len(pat)):], s[i]); ok {
			p += n
			i++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	for p < len(pat) && pat[p] == '*' {
		p++
	}
	return p == len(pat)
}

// matchOne matches one character with the first element of pat, which is not a star; it returns the
// element's length.
func matchOne(pat []rune, r rune) (int, bool) {
	if len(pat) == 0 {
		return 0, false
	}
	switch pat[0] {
	case '?':
		return 1, true
	case '[':
		j := 1
		if j < len(pat) && pat[j] == '!' {
			j++
		}
		if j < len(pat) && pat[j] == ']' { // a ] right at the start is a member
			j++
		}
		for j < len(pat) && pat[j] != ']' {
			j++
		}
		if j >= len(pat) {
			return 1, r == '['
		}
		set := pat[1:j]
		negated := len(set) > 0 && set[0] == '!'
		if negated {
			set = set[1:]
		}
		return j + 1, inSet(set, r) != negated
	}
	return 1, pat[0] == r
}

// inSet says whether r is in a set such as "a-z_"; a hyphen at either end is itself, and a range that
// runs backwards is empty.
func inSet(set []rune, r rune) bool {
	for k := 0; k < len(set); {
		if k+2 < len(set) && set[k+1] == '-' {
			if set[k] <= r && r <= set[k+2] {
				return true
			}
			k += 3
			continue
		}
		if set[k] == r {
			return true
		}
		k++
	}
	return false
}
