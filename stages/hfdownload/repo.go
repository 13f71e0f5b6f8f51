package hfdownload

import (
	"net/url"
	"strings"

	"github.com/belay-ml/belay/engine/fault"
)

// repo names a repository on a hub.
type repo struct {
	Type string // "model" or "dataset"
	ID   string // "ORG/NAME", or "NAME" of the hub's oldest repositories
}

func (r repo) String() string { return r.Type + " " + r.ID }

// parseRepo checks a repository name by the hub's own rules, so that it is safe inside a URL path.
func parseRepo(kind, id string) (repo, error) {
	bad := func(why string) (repo, error) {
		return repo{}, fault.New(fault.Recipe, "read repo %q: %s", id, why).
			WithHint("a repository is written ORG/NAME, as in Qwen/Qwen2-7B")
	}
	parts := strings.Split(id, "/")
	if len(parts) > 2 {
		return bad("too many slashes")
	}
	for _, p := range parts {
		switch {
		case p == "" || len(p) > 96:
			return bad("each part has 1 to 96 characters")
		case strings.ContainsFunc(p, func(r rune) bool { return !isNameRune(r) }):
			return bad("only letters, digits, '-', '_' and '.' are allowed")
		case strings.Trim(p, "-.") != p || strings.Contains(p, "..") || strings.Contains(p, "--"):
			return bad("'-' and '.' may neither begin, end nor be doubled")
		}
	}
	return repo{Type: kind, ID: id}, nil
}

func isNameRune(r rune) bool {
	return r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// api is the URL of an API call about the repository; each part is one escaped path segment.
func (r repo) api(base *url.URL, parts ...string) *url.URL {
	segments := append([]string{"api", r.Type + "s"}, strings.Split(r.ID, "/")...)
	return join(base, append(segments, parts...))
}

// resolve is the URL of a file's bytes at a commit.
func (r repo) resolve(base *url.URL, commit, path string) *url.URL {
	var segments []string
	if r.Type == "dataset" {
		segments = append(segments, "datasets")
	}
	segments = append(segments, strings.Split(r.ID, "/")...)
	segments = append(segments, "resolve", commit)
	return join(base, append(segments, strings.Split(path, "/")...))
}

// page is where a person looks at the repository.
func (r repo) page(base *url.URL) string {
	var segments []string
	if r.Type == "dataset" {
		segments = append(segments, "datasets")
	}
	return join(base, append(segments, strings.Split(r.ID, "/")...)).String()
}

// join appends segments to base's path, each escaped so that it stays one segment ("refs/pr/1").
func join(base *url.URL, segments []string) *url.URL {
	u := *base
	plain, raw := strings.TrimSuffix(base.Path, "/"), strings.TrimSuffix(base.EscapedPath(), "/")
	for _, s := range segments {
		plain += "/" + s
		raw += "/" + url.PathEscape(s)
	}
	u.Path, u.RawPath = plain, raw
	return &u
}
