package hfdownload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Limits on what a hub may answer. A page of the real hub holds 1000 entries in about 300 kB.
const (
	maxReply   = 32 << 20
	maxEntries = 1 << 20
	maxPages   = 1 << 14
)

// entry is one file of a repository's tree.
type entry struct {
	Path string
	Size int64
	Sum  sum
}

// sum is the digest a file's bytes must have.
type sum struct {
	Kind string // "sha256" of the bytes, or "git": SHA-1 of git's blob framing and the bytes
	Hex  string
}

// name is the sum as a file name.
func (s sum) name() string { return s.Kind + "-" + s.Hex }

var errLong = errors.New("reply is too long")

// readReply reads a body of at most limit bytes.
func readReply(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", errLong, limit)
	}
	return b, err
}

// parseRevision takes the commit out of a revision reply.
func parseRevision(b []byte) (string, error) {
	var reply struct {
		SHA string `json:"sha"`
	}
	if err := json.Unmarshal(b, &reply); err != nil {
		return "", err
	}
	if !isHex(reply.SHA, 40) {
		return "", fmt.Errorf("sha is %q, want 40 hexadecimal digits", foreign(reply.SHA))
	}
	return reply.SHA, nil
}

// parseTree takes the files out of one page of a tree reply. Folders are left out; every path is
// checked to stay below the target.
func parseTree(b []byte) ([]entry, error) {
	var page []struct {
		Type string `json:"type"`
		Path string `json:"path"`
		Size int64  `json:"size"`
		OID  string `json:"oid"`
		LFS  *struct {
			OID  string `json:"oid"`
			Size int64  `json:"size"`
		} `json:"lfs"`
	}
	if err := json.Unmarshal(b, &page); err != nil {
		return nil, err
	}
	var files []entry
	for i, it := range page {
		if err := checkPath(it.Path); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		switch it.Type {
		case "directory":
			continue
		case "file":
		default:
			return nil, fmt.Errorf("entry %d, %q: a %q is neither file nor directory", i, it.Path, foreign(it.Type))
		}
		e := entry{Path: it.Path, Size: it.Size, Sum: sum{"git", it.OID}}
		if it.LFS != nil {
			e.Size, e.Sum = it.LFS.Size, sum{"sha256", strings.TrimPrefix(it.LFS.OID, "sha256:")}
		}
		digits := 40
		if e.Sum.Kind == "sha256" {
			digits = 64
		}
		if !isHex(e.Sum.Hex, digits) {
			return nil, fmt.Errorf("entry %d, %q: oid %q, want %d hexadecimal digits", i, it.Path, foreign(e.Sum.Hex), digits)
		}
		if e.Size < 0 {
			return nil, fmt.Errorf("entry %d, %q: size %d", i, it.Path, e.Size)
		}
		files = append(files, e)
	}
	return files, nil
}

// isHex says whether s is n lower-case hexadecimal digits.
func isHex(s string, n int) bool {
	return len(s) == n && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'f')
	})
}

// parseNext finds the query of the rel="next" target in Link headers (RFC 8288); "" when there is
// none. Only the query is taken: mirrors repeat the original hub's host there, and a page must come
// from where the first one came from.
func parseNext(headers []string) string {
	for _, h := range headers {
		for h != "" {
			open := strings.IndexByte(h, '<')
			if open < 0 {
				break
			}
			end := strings.IndexByte(h[open:], '>')
			if end < 0 {
				break
			}
			target, rest := h[open+1:open+end], h[open+end+1:]
			params := rest
			if i := strings.Index(rest, ",<"); i >= 0 {
				params, h = rest[:i], rest[i:]
			} else if i := strings.Index(rest, ", <"); i >= 0 {
				params, h = rest[:i], rest[i:]
			} else {
				h = ""
			}
			if !relNext(params) {
				continue
			}
			if u, err := url.Parse(target); err == nil {
				return u.RawQuery
			}
		}
	}
	return ""
}

// relNext says whether link parameters hold rel=next, quoted or not.
func relNext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(strings.TrimSpace(k), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(v), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}
