package hfdownload

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPatternsMatchAsInPython(t *testing.T) {
	t.Parallel()
	// Checked against fnmatch.fnmatchcase of Python 3.
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"*.json", "config.json", true}, {"*.json", "a/b/config.json", true}, {"*.json", "config.jsonl", false},
		{"config.json", "a/config.json", false}, {"data/", "data/x/y", true}, {"data/", "data", false}, {"data/*", "data/x/y", true},
		{"?.txt", "a.txt", true}, {"?.txt", "ab.txt", false}, {"?", "é", true}, {"[ab].txt", "a.txt", true}, {"[!ab].txt", "a.txt", false},
		{"[!ab].txt", "c.txt", true}, {"[a-c]x", "bx", true}, {"[c-a]x", "bx", false}, {"[]]x", "]x", true}, {"[!]]x", "ax", true},
		{"[x", "[x", true}, {"[x", "x", false}, {"[a-]x", "-x", true}, {"[-a]x", "-x", true}, {"[!a-c]", "-", true}, {"*a*b*c", "xxaxxbxxbxc", true},
		{"*a*b*c", "xxaxxbxxbx", false}, {"", "", true}, {"", "a", false}, {"*", "", true}, {"**", "a/b", true}, {"A", "a", false},
		{"[[]x", "[x", true}, {"model-0000[1-2]-of-*.safetensors", "model-00002-of-00005.safetensors", true}, {"\\*", "\\abc", true}, {"[!]", "[!]", true},
	} {
		if have := matchAny([]string{c.pattern}, c.path); have != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.path, have)
		}
	}
}

func TestNextLinksAreFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{nil, ""},
		{[]string{`<https://huggingface.co/api/x?cursor=abc%3D&limit=5>; rel="next"`}, "cursor=abc%3D&limit=5"},
		{[]string{`<https://h/a?p=1>; rel="prev", <https://h/a?p=3>; rel="next"`}, "p=3"},
		{[]string{`<https://h/a?p=1,2>; rel=next; title="x"`}, "p=1,2"},
		{[]string{`<https://h/a?p=1>; rel="first last"`, `<?p=9>;rel="up NEXT"`}, "p=9"},
		{[]string{`<unclosed; rel="next"`}, ""},
		{[]string{`rel="next"`}, ""},
		{[]string{"<:%zz>; rel=next"}, ""},
	} {
		if have := parseNext(c.headers); have != c.want {
			t.Errorf("%q: %q, want %q", c.headers, have, c.want)
		}
	}
}

func TestContentRangesAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		h           string
		start, size int64
		ok          bool
	}{
		{"bytes 5-9/10", 5, 10, true}, {"bytes 0-0/*", 0, -1, true}, {"bytes 5-10/10", 0, 0, false}, {"bytes 9-5/10", 0, 0, false},
		{"bytes */10", 0, 0, false}, {"", 0, 0, false}, {"bytes -5-9/10", 0, 0, false}, {"lines 1-2/3", 0, 0, false}, {"bytes 1-2", 0, 0, false},
	} {
		if start, size, ok := parseContentRange(c.h); start != c.start || size != c.size || ok != c.ok {
			t.Errorf("%q: %d %d %v", c.h, start, size, ok)
		}
	}
}

func TestRetryAfterOverflowsToALongWait(t *testing.T) {
	t.Parallel()
	if d := retryAfter("9223372036854775807", time.Now()); d < time.Hour {
		t.Errorf("have %s", d)
	}
	if d := retryAfter("-5", time.Now()); d != 0 {
		t.Errorf("have %s", d)
	}
}

func TestRepliesAreReadUpToALimit(t *testing.T) {
	t.Parallel()
	if b, err := readReply(strings.NewReader("12345"), 5); err != nil || string(b) != "12345" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := readReply(strings.NewReader("123456"), 5); !errors.Is(err, errLong) {
		t.Errorf("have %v", err)
	}
}

func FuzzReplies(f *testing.F) {
	sha := strings.Repeat("0", 40)
	f.Add([]byte(`{"sha":"`+sha+`"}`), `<x?y>; rel="next"`, "bytes 1-2/3")
	f.Add([]byte(`[{"type":"file","path":"a/b","size":3,"oid":"`+sha+`","lfs":{"oid":"`+sha+sha[:24]+`","size":9}}]`), ",<>;rel=next,<", "bytes ")
	f.Add([]byte(`[{"type":"directory","path":"..\\x"}]`), "<", "bytes 1-/")
	f.Fuzz(func(t *testing.T, b []byte, link, span string) {
		if commit, err := parseRevision(b); err == nil && !isHex(commit, 40) {
			t.Errorf("commit %q", commit)
		}
		files, err := parseTree(b)
		if err == nil && !json.Valid(b) {
			t.Error("took what is no JSON")
		}
		for _, e := range files {
			if checkPath(e.Path) != nil || e.Size < 0 || strings.Contains("/"+e.Path+"/", "/../") {
				t.Errorf("entry %+v", e)
			}
		}
		_ = parseNext([]string{link, link + link})
		if start, size, ok := parseContentRange(span); ok && (start < 0 || size >= 0 && start >= size) {
			t.Errorf("range %d of %d", start, size)
		}
		_ = retryAfter(span, time.Time{})
	})
}

func FuzzPatterns(f *testing.F) {
	f.Add("*.json", "a.json")
	f.Add("[!a-", "]")
	f.Add("*a*a*a*a*b", "aaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		_ = matchAny([]string{pattern}, path)
		if !strings.ContainsAny(path, "*?[") && !strings.HasSuffix(path, "/") && !matchAny([]string{path}, path) {
			t.Errorf("%q does not match itself", path)
		}
	})
}
