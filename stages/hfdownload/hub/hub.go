package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pageSize is how many entries one reply of a tree holds.
const pageSize = 1000

// server holds the snapshots it has given out.
type server struct {
	root fs.FS
	page int

	mu      sync.Mutex
	commits map[string]*snapshot // "models/ORG/NAME@COMMIT"
	blobs   map[string]string    // SHA-256 -> file below root
}

// Serve speaks the hub's protocol over the repositories below root.
func Serve(root fs.FS) http.Handler { return newServer(root, pageSize) }

// Paged is Serve with another page size, for tests of clients.
func Paged(root fs.FS, page int) http.Handler { return newServer(root, page) }

func newServer(root fs.FS, page int) *server {
	return &server{root: root, page: page, commits: map[string]*snapshot{}, blobs: map[string]string{}}
}

// refusal is an error in the hub's own terms.
type refusal struct {
	status  int
	code    string // X-Error-Code
	message string
}

func (r *refusal) Error() string { return r.message }

func notFound(code, format string, args ...any) error {
	return &refusal{http.StatusNotFound, code, fmt.Sprintf(format, args...)}
}

// ServeHTTP routes by the escaped path: a revision may hold an escaped slash.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	switch parts, ok := segments(r.URL); {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		err = &refusal{http.StatusMethodNotAllowed, "", "only GET and HEAD are served"}
	case !ok:
		err = &refusal{http.StatusBadRequest, "", "malformed path"}
	case len(parts) == 3 && parts[0] == "cdn":
		w.Header().Set("X-Repo-Commit", parts[1])
		err = s.cdn(w, r, parts[2])
	case len(parts) >= 3 && parts[0] == "api":
		err = s.api(w, r, parts[1], parts[2:])
	default:
		kind := "models"
		if parts[0] == "datasets" {
			kind, parts = "datasets", parts[1:]
		}
		err = s.resolve(w, r, kind, parts)
	}
	if err == nil {
		return
	}
	var no *refusal
	if !errors.As(err, &no) {
		no = &refusal{http.StatusInternalServerError, "", err.Error()}
	}
	if no.code != "" {
		w.Header().Set("X-Error-Code", no.code)
	}
	w.Header().Set("X-Error-Message", strings.Map(printable, no.message))
	writeJSON(w, r, no.status, map[string]string{"error": no.message})
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

// segments splits and unescapes a URL's path.
func segments(u *url.URL) ([]string, bool) {
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, p := range parts {
		plain, err := url.PathUnescape(p)
		if err != nil || plain == "" && len(parts) > 1 {
			return nil, false
		}
		parts[i] = plain
	}
	return parts, true
}

// split finds where a repository's name (one or two segments) ends.
func split(parts []string, verbs ...string) (id string, verb string, rest []string) {
	for n := 1; n <= 2 && n < len(parts); n++ {
		for _, v := range verbs {
			if parts[n] == v {
				return strings.Join(parts[:n], "/"), v, parts[n+1:]
			}
		}
	}
	if len(parts) <= 2 {
		return strings.Join(parts, "/"), "", nil
	}
	return "", "", nil
}

// api answers revision and tree calls, and the plain description of a repository.
func (s *server) api(w http.ResponseWriter, r *http.Request, kind string, parts []string) error {
	id, verb, rest := split(parts, "revision", "tree")
	if (kind != "models" && kind != "datasets") || id == "" {
		return notFound("", "no such call")
	}
	revision := "main"
	if verb != "" {
		if len(rest) == 0 {
			return notFound("", "no revision given")
		}
		revision, rest = rest[0], rest[1:]
	}
	snap, err := s.snapshot(kind, id, revision)
	if err != nil {
		return err
	}
	w.Header().Set("X-Repo-Commit", snap.commit)
	if verb == "tree" {
		return s.tree(w, r, snap, strings.Join(rest, "/"))
	}
	if len(rest) > 0 {
		return notFound("", "no such call")
	}
	type sibling struct {
		Name string `json:"rfilename"`
	}
	siblings := make([]sibling, len(snap.files))
	for i, f := range snap.files {
		siblings[i].Name = f.Path
	}
	reply := map[string]any{
		"id": id, "sha": snap.commit, "private": false, "gated": false, "disabled": false,
		"tags": []string{}, "downloads": 0, "likes": 0, "siblings": siblings,
	}
	if kind == "models" {
		reply["modelId"] = id
	}
	writeJSON(w, r, http.StatusOK, reply)
	return nil
}

// tree answers one page; the cursor is the number of entries before it.
func (s *server) tree(w http.ResponseWriter, r *http.Request, snap *snapshot, below string) error {
	type lfs struct {
		OID         string `json:"oid"`
		Size        int64  `json:"size"`
		PointerSize int    `json:"pointerSize"`
	}
	type item struct {
		Type string `json:"type"`
		OID  string `json:"oid"`
		Size int64  `json:"size"`
		Path string `json:"path"`
		LFS  *lfs   `json:"lfs,omitempty"`
	}
	recursive := isTrue(r.URL.Query().Get("recursive"))
	items := []item{}
	dirs := map[string]bool{}
	for _, f := range snap.files {
		rest, ok := f.Path, true
		if below != "" {
			rest, ok = strings.CutPrefix(f.Path, below+"/")
		}
		if !ok {
			continue
		}
		for i, c := range rest {
			if c != '/' {
				continue
			}
			if d := strings.TrimSuffix(f.Path, rest) + rest[:i]; !dirs[d] && (recursive || strings.IndexByte(rest, '/') == i) {
				dirs[d] = true
				items = append(items, item{Type: "directory", OID: strings.Repeat("0", 40), Path: d})
			}
		}
		if !recursive && strings.Contains(rest, "/") {
			continue
		}
		it := item{Type: "file", OID: f.Git, Size: f.Size, Path: f.Path}
		if f.LFS != "" {
			it.LFS = &lfs{f.LFS, f.Size, 127 + len(strconv.FormatInt(f.Size, 10))}
		}
		items = append(items, it)
	}
	if below != "" && len(items) == 0 {
		return notFound("EntryNotFound", "%s is not a folder of this revision", below)
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	from = min(max(from, 0), len(items))
	to := min(from+s.page, len(items))
	if to < len(items) {
		q := r.URL.Query()
		q.Set("cursor", strconv.Itoa(to))
		next := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: q.Encode()}
		w.Header().Set("Link", "<"+next.String()+`>; rel="next"`)
	}
	writeJSON(w, r, http.StatusOK, items[from:to])
	return nil
}

// isTrue reads a flag as both this client and Python write it.
func isTrue(s string) bool { return s == "1" || strings.EqualFold(s, "true") }

// resolve gives a file's bytes, or where they are.
func (s *server) resolve(w http.ResponseWriter, r *http.Request, kind string, parts []string) error {
	id, verb, rest := split(parts, "resolve")
	if verb == "" || len(rest) < 2 {
		return notFound("", "no such page")
	}
	snap, err := s.snapshot(kind, id, rest[0])
	if err != nil {
		return err
	}
	name := strings.Join(rest[1:], "/")
	w.Header().Set("X-Repo-Commit", snap.commit)
	f := snap.find(name)
	if f == nil {
		return notFound("EntryNotFound", "%s is not in this revision", name)
	}
	if f.LFS == "" {
		w.Header().Set("ETag", `"`+f.Git+`"`)
		return s.bytes(w, r, path.Join(snap.dir, f.Path))
	}
	w.Header().Set("X-Linked-Size", strconv.FormatInt(f.Size, 10))
	w.Header().Set("X-Linked-Etag", `"`+f.LFS+`"`)
	w.Header().Set("ETag", `"`+f.Git+`"`)
	w.Header().Set("Location", "http://"+r.Host+"/cdn/"+snap.commit+"/"+f.LFS)
	w.WriteHeader(http.StatusFound)
	return nil
}

// cdn gives the bytes of a large file by its SHA-256. The commit is in the address because
// huggingface_hub follows a redirect to the same host before it looks for X-Repo-Commit.
func (s *server) cdn(w http.ResponseWriter, r *http.Request, sum string) error {
	s.mu.Lock()
	name, ok := s.blobs[sum]
	s.mu.Unlock()
	if !ok {
		return notFound("", "no such object")
	}
	w.Header().Set("ETag", `"`+sum+`"`)
	return s.bytes(w, r, name)
}

// bytes serves a file with ranges.
func (s *server) bytes(w http.ResponseWriter, r *http.Request, name string) error {
	f, err := s.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	seeker, ok := f.(io.ReadSeeker)
	if !ok {
		return fmt.Errorf("serve %s: the file system cannot seek", name)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, seeker)
	return nil
}

// snapshot finds a commit given out before, or takes the branch as it is now.
func (s *server) snapshot(kind, id, revision string) (*snapshot, error) {
	dir := path.Join(kind, id)
	if !fs.ValidPath(kind+"/"+id) || strings.Contains(id, `\`) {
		return nil, notFound("RepoNotFound", "repository not found")
	}
	if st, err := fs.Stat(s.root, dir); err != nil || !st.IsDir() {
		return nil, notFound("RepoNotFound", "repository not found")
	}
	s.mu.Lock()
	snap := s.commits[dir+"@"+revision]
	s.mu.Unlock()
	if snap != nil {
		return snap, nil
	}
	snap, err := take(s.root, dir)
	if err != nil {
		return nil, err
	}
	if revision != "main" && revision != "refs/heads/main" && revision != snap.commit {
		return nil, notFound("RevisionNotFound", "this repository has main, at %s", snap.commit)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits[dir+"@"+snap.commit] = snap
	for _, f := range snap.files {
		if f.LFS != "" {
			s.blobs[f.LFS] = path.Join(dir, f.Path)
		}
	}
	return snap, nil
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encode reply", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b)
	}
}
