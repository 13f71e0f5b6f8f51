package main

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAWebhookIsToldTheResultAndItsTokenStaysSecret(t *testing.T) {
	t.Parallel()
	const token = "hook_VerySecretToken0123456789"
	type request struct {
		header string
		body   []byte
	}
	requests := make(chan request, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- request{r.Header.Get("X-Token"), body}
		http.Error(w, "I do not like "+r.Header.Get("X-Token"), http.StatusTeapot)
	}))
	defer server.Close()
	dir := workspaceWith(t, `
belay: 1
name: told
stages:
  made: {uses: command, with: {run: echo x > $OUT/f, outputs: {o: f}}}
outputs: {made: "${made.o}"}
`)
	if err := os.WriteFile(filepath.Join(dir, "belay.yaml"), []byte(`
secrets: {CHAT: {env: MY_TOKEN}}
hooks: [{webhook: "`+server.URL+`/x", header: "X-Token: ${secret.CHAT}"}]
`), 0o644); err != nil {
		t.Fatal(err)
	}
	c := belay(t, dir, "run", "recipe.yaml", "--json")
	c.Env = append(c.Env, "MY_TOKEN="+token)
	out, msg, code := finish(t, c)
	if code != 0 || !strings.Contains(msg, "hook 1 of belay.yaml (webhook): ") || !strings.Contains(msg, "418 I'm a teapot: I do not like [secret]") {
		t.Fatalf("exits %d: %s", code, msg)
	}
	r := <-requests
	if r.header != token {
		t.Errorf("the header is %q", r.header)
	}
	var told hookJSON
	if err := json.Unmarshal(r.body, &told); err != nil {
		t.Fatal(err)
	}
	var result runJSON
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(result, told.runJSON); d != "" {
		t.Errorf("the hook was told something else than --json: %s", d)
	}
	if told.Status != "done" || told.Counts["ran"] != 1 || told.Report == "" || told.Run == "" {
		t.Errorf("told %s", r.body)
	}
	for what, text := range map[string][]byte{"output": []byte(out + msg), "body": r.body} {
		if bytes.Contains(text, []byte("VerySecret")) {
			t.Errorf("the token stands in the %s", what)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("VerySecret")) {
			t.Errorf("the token stands in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestACancelledRunIsToldAsSuch(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, `
belay: 1
name: long
stages:
  long: {uses: command, with: {run: "echo begun; exec sleep 600", outputs: {o: f}}}
  next: {uses: command, with: {run: "cp $IN $OUT/f", inputs: {IN: "${long.o}"}, outputs: {o: f}}}
`)
	if err := os.WriteFile(filepath.Join(dir, "belay.yaml"), []byte(`hooks: [{on: [cancelled], run: cat > told.json}, {on: [done, failed], run: touch wrong}]`), 0o644); err != nil {
		t.Fatal(err)
	}
	k := listen(t, belay(t, dir, "run", "recipe.yaml"))
	k.until("begun")
	if code := k.end(); code != 130 {
		t.Errorf("exits %d:\n%s", code, strings.Join(k.heard, "\n"))
	}
	text, err := os.ReadFile(filepath.Join(dir, "told.json"))
	if err != nil {
		t.Fatal(err)
	}
	var told hookJSON
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatal(err)
	}
	if told.Status != "cancelled" || told.Exit != 130 || told.Counts["cancelled"] != 2 {
		t.Errorf("told %s", text)
	}
	if _, err := os.Stat(filepath.Join(dir, "wrong")); err == nil {
		t.Error("the other hook was told too")
	}
}
