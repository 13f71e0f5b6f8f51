package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/belay-ml/belay/stages/hfdownload/hub"
	"github.com/belay-ml/belay/testdata/goldens"
)

func TestTokenOfTheHubIsNowhereButInRequests(t *testing.T) {
	t.Parallel()
	const token = "hf_VerySecretToken0123456789"
	served := hub.Serve(os.DirFS(filepath.Join(goldens.Root(t), "testdata", "hub")))
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+token {
			asked.Add(1)
			if r.URL.Path != "" && bytes.Contains([]byte(r.URL.Path), []byte("/private/")) {
				http.Error(w, "the token "+token+" may not read this", http.StatusForbidden)
				return
			}
			served.ServeHTTP(w, r)
			return
		}
		http.Error(w, "who are you?", http.StatusUnauthorized)
	}))
	defer server.Close()
	dir := workspaceWith(t, `
belay: 1
name: secret
params: {repo: belay-ml/tiny-llama}
stages:
  base:
    uses: hf-download
    with: {repo: "${params.repo}", endpoint: "`+server.URL+`", max_retries: 0}
outputs: {base: "${base.model}"}
`)
	check := func(where string, text []byte) {
		t.Helper()
		if bytes.Contains(text, []byte("VerySecret")) {
			t.Errorf("the token stands in %s", where)
		}
	}
	for _, args := range [][]string{
		{"run", "recipe.yaml", "-v"},
		{"run", "recipe.yaml", "-v", "--log-format", "json", "--force", "base"},
		{"run", "recipe.yaml", "-p", "repo=private/model", "-v"},
		{"explain", "recipe.yaml", "base", "--json"},
		{"plan", "recipe.yaml", "-p", "repo=private/model", "--json"},
		{"inspect", "out/secret/base", "--json"},
		{"show", "--json"},
		{"export", "last~1", "--format", "slsa"},
		{"export", "last~1", "--format", "openlineage", "--out", "lineage.jsonl"},
		{"export", "last~1", "--format", "ro-crate", "--out", "crate"},
	} {
		c := belay(t, dir, args...)
		c.Env = append(c.Env, "HF_TOKEN="+token, "NO_PROXY=127.0.0.1")
		out, msg, code := finish(t, c)
		refused := args[0] == "run" && slices.Contains(args, "repo=private/model")
		if refused && code/10 != 3 || !refused && code != 0 {
			t.Errorf("belay %v exits %d: %s", args, code, msg)
		}
		check("the output of "+args[0], []byte(out+msg))
	}
	if asked.Load() == 0 {
		t.Error("the hub was never asked with the token")
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		check(path, text)
		return err
	})
	if err != nil || files < 10 {
		t.Fatalf("%d files looked at: %v", files, err)
	}
}
