package workspace_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/workspace"
)

func load(t *testing.T, text string) (*workspace.File, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, workspace.Name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, l := workspace.Load(dir)
	var all []string
	for _, d := range l {
		all = append(all, d.Subject.String()+": "+d.Summary)
	}
	return f, strings.Join(all, "\n")
}

func TestAnEmptyFileHasTheDefaults(t *testing.T) {
	t.Parallel()
	f, problems := load(t, "")
	if problems != "" {
		t.Fatal(problems)
	}
	bare, l := workspace.Load(t.TempDir())
	if len(l) > 0 {
		t.Fatal(l)
	}
	bare.Dir = f.Dir
	if diff := cmp.Diff(bare, f); diff != "" {
		t.Fatalf("an empty file and none differ: %s", diff)
	}
	if !f.Remote.Push || f.Remote.Parallel != 8 || f.GC.Days != 30 || f.Resources.Net != 4 {
		t.Fatalf("defaults are missing: %+v", f)
	}
}

func TestSectionsAreRead(t *testing.T) {
	t.Parallel()
	f, problems := load(t, `belay: 1
remote: {url: s3://team/v1, push: false, endpoint: "http://127.0.0.1:7070"}
secrets:
  TOKEN: {file: token.txt}
hooks:
  - {on: [failed], run: notify}
  - webhook: http://127.0.0.1/x
gc: {days: 3, max_size: 10GB}
resources: {npu: 8, memory: 20GiB}
`)
	if problems != "" {
		t.Fatal(problems)
	}
	if f.Remote.URL != "s3://team/v1" || f.Remote.Push || !f.Remote.Pull || f.Secrets["TOKEN"].File != "token.txt" ||
		len(f.Hooks) != 2 || f.Hooks[0].On[0] != "failed" || f.Hooks[1].Timeout != "10s" || f.GC.Days != 3 || f.Resources.NPU != 8 {
		t.Fatalf("have %+v", f)
	}
}

func TestMistakesHaveTheirPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"remtoe: {url: x}":                                        "belay.yaml:1:1: unknown parameter \"remtoe\" of the workspace file",
		"remote: {parallel: 0}":                                   "belay.yaml:1:20: remote.parallel: want an integer from 1 to 64, have 0",
		"hooks: [{on: [finished], run: x}]":                       "belay.yaml:1:15: hooks.0.on.0: want one of done, failed, cancelled, have \"finished\"",
		"hooks:\n  - on: [done]":                                  "belay.yaml:2:5: a hook tells nobody",
		"hooks: [{run: x, webhook: 'http://h'}]":                  "belay.yaml:1:27: a hook has run or webhook, not both",
		"hooks: [{webhook: 'ftp://h'}]":                           "belay.yaml:1:19: webhook: want http or https, have \"ftp\"",
		"hooks: [{webhook: 'https:///x'}]":                        "belay.yaml:1:19: webhook: it names no host",
		"hooks: [{webhook: 'http://h/${env.X}'}]":                 "belay.yaml:1:19: webhook: ${env.X} is no secret",
		"hooks: [{run: x, timeout: soon}]":                        "belay.yaml:1:27: timeout wants a duration, have \"soon\"",
		"hooks: [{run: x, timeout: 0s}]":                          "belay.yaml:1:27: timeout wants a duration, have \"0s\"",
		"hooks: [{run: x, header: 'A: b'}]":                       "belay.yaml:1:26: header is for webhooks",
		"hooks: [{webhook: 'http://h', header: Token}]":           "belay.yaml:1:39: header: want a name, a colon and a value",
		"hooks: [{webhook: 'http://h', header: 'A B: c'}]":        "belay.yaml:1:39: header: \"A B\" is no name of a header",
		"hooks: [{webhook: 'http://h', header: 'A: ${secret.T'}]": "belay.yaml:1:39: header: the expression is not closed",
		"- a":                                "belay.yaml:1:1: a workspace file is a map, have a list",
		"a: 1\na: 2":                         "belay.yaml:2:1: key \"a\" is given twice",
		"secrets: {A: {}}":                   "belay.yaml:1:11: secret A does not say where it comes from",
		"secrets: {A: {env: X, command: y}}": "belay.yaml:1:11: secret A comes from env and command",
		"secrets: {a.b: {env: X}}":           "belay.yaml:1:11: bad secret name \"a.b\"",
		"secrets: {A: {file: ''}}":           "belay.yaml:1:11: secret A does not say where it comes from",
		"resources: {memory: 8 apples}":      "belay.yaml:1:21: resources.memory: want a size such as 500MB or 8GiB, have \"8 apples\"",
		"gc: {max_size: -1GB}":               "belay.yaml:1:16: gc.max_size: want a size such as 500MB or 8GiB, have \"-1GB\"",
		"remote: {url: ftp://x/y}":           "belay.yaml:1:15: address of the remote: want file:///folder, sftp://user@host/folder, s3://bucket/prefix",
		"remote: {url: https://u:pw@host/x}": "belay.yaml:1:15: address of the remote: no user or password in an address",
		"remote: {url: file://shared/x}":     "belay.yaml:1:15: address of the remote: \"shared/x\" is no absolute folder",
		"remote: {url: s3://B/x}":            "belay.yaml:1:15: address of the remote: \"B\" is no name of a bucket",
		"remote: {url: file:///x, token: T}": "belay.yaml:1:26: token is for an http remote, this is file:///x",
		"remote: {url: sftp://me:pw@h/x}":    "belay.yaml:1:15: address of the remote: no password in an address: sftp logs in with a key",
		"remote: {url: sftp://h}":            "belay.yaml:1:15: address of the remote: no folder: write sftp://h/folder",
		"remote: {url: sftp:///x}":           "belay.yaml:1:15: address of the remote: no host",
		"remote: {url: ssh://h/x, token: T}": "belay.yaml:1:26: token is for an http remote, this is ssh://h/x",
		"remote: {push: false}":              "belay.yaml:1:1: the remote has settings and no url",
	} {
		f, problems := load(t, text)
		if f != nil || !strings.Contains(problems, want) || strings.Contains(problems, "pw@") {
			t.Errorf("%s: want %s, have %s", text, want, problems)
		}
	}
}

func TestAHooksTextsKeepTheNamesOfSecrets(t *testing.T) {
	t.Parallel()
	f, problems := load(t, "hooks: [{webhook: 'https://chat/${secret.PATH}', header: 'Authorization: Bearer ${ secret.TOKEN }', timeout: 1m30s}, {webhook: '${secret.ALL}'}]")
	if problems != "" {
		t.Fatal(problems)
	}
	h := f.Hooks[0]
	name, value := h.HeaderLine()
	if name != "Authorization" || value.String() != "Bearer ${secret.TOKEN}" || h.Address().String() != "https://chat/${secret.PATH}" || h.Limit() != 90*time.Second {
		t.Errorf("have %q %q %q %s", name, value, h.Address(), h.Limit())
	}
	if names := f.Hooks[1].Address().Names(); len(names) != 1 || names[0] != "ALL" {
		t.Errorf("have %v", names)
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"", "remote: {url: x}", "hooks: [{on: [done]}]", "secrets: {A: {env: B}}", "a: &x [*x]", "gc: null", "hooks: [{webhook: 'http://h/${secret.A}', header: 'A: b'}]", "hooks: {a: {run: x}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, workspace.Name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if file, l := workspace.Load(dir); (file == nil) != l.HasErrors() {
			t.Fatalf("a file %v with errors %v", file, l)
		}
	})
}
