package remotetest

import (
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Server is a web server over a folder with GET, HEAD with ranges and PUT, strict where servers are.
type Server struct {
	Dir   string
	Token string // asked for when set
	// Bazel refuses paths that are not of Bazel's protocol, and blobs that have another digest.
	Bazel bool
	// Plain knows no ranges and no conditions, as the simplest servers.
	Plain bool
	// Before may answer in its place; then it says true.
	Before func(w http.ResponseWriter, r *http.Request) bool
}

// bazelPath is how bazel-remote and Bazel's own worker find out what a path means.
var bazelPath = regexp.MustCompile("^/?(.*/)?(ac/|cas/)([a-f0-9]{64})$")

// ServeHTTP serves.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Before != nil && s.Before(w, r) {
		return
	}
	if s.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.Token {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	if s.Bazel && !bazelPath.MatchString(r.URL.Path) {
		http.Error(w, "no such resource", http.StatusBadRequest)
		return
	}
	if s.Plain {
		r.Header.Del("Range")
		r.Header.Del("If-None-Match")
	}
	path := filepath.Join(s.Dir, filepath.FromSlash(r.URL.Path))
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		f, err := os.Open(path)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil || !st.Mode().IsRegular() {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", st.ModTime(), f)
	case http.MethodPut:
		s.put(w, r, path)
	default:
		http.Error(w, "no", http.StatusMethodNotAllowed)
	}
}

func (s *Server) put(w http.ResponseWriter, r *http.Request, path string) {
	data, err := io.ReadAll(r.Body)
	if err != nil || int64(len(data)) != r.ContentLength {
		http.Error(w, "broken body", http.StatusBadRequest)
		return
	}
	if s.Bazel && strings.Contains(r.URL.Path, "/cas/") && !strings.HasSuffix(path, digestOf(data)) {
		http.Error(w, "another digest", http.StatusBadRequest)
		return
	}
	tmp := filepath.Join(s.Dir, rand.Text())
	if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
		err = os.WriteFile(tmp, data, 0o644)
	}
	if err == nil && r.Header.Get("If-None-Match") == "*" {
		err = os.Link(tmp, path)
		os.Remove(tmp)
	} else if err == nil {
		err = os.Rename(tmp, path)
	}
	switch {
	case os.IsExist(err):
		http.Error(w, "exists", http.StatusPreconditionFailed)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusCreated)
	}
}
