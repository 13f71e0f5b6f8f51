package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const leaky = `
belay: 1
name: leaky
stages:
  fetch:
    uses: command
    with:
      run: |
        printf %s "$TOKEN" > "$OUT/o.txt"
        echo "header: $HEADER"; echo "$TOKEN" >&2
        printf %s "$TOKEN" | base64 -w 0; printf %s "$TOKEN" | od -An -v -tx1 | tr -d ' \n'
      env: {TOKEN: "${secret.TOKEN}", HEADER: "Bearer ${secret.TOKEN}"}
      outputs: {o: o.txt}
  prints:
    uses: command
    with:
      run: |
        for n in 0 3 8170 8180 8185 8190; do head -c $n /dev/zero | tr '\0' x; cat "$IN"; head -c 9000 /dev/zero | tr '\0' y; echo; done
        cat "$IN" >&2; echo done > "$OUT/o.txt"
      inputs: {IN: "${fetch.o}"}
      outputs: {o: o.txt}
  fails:
    uses: command
    retries: {max: 1, on: [compute], backoff: 1ms}
    with:
      run: 'cat "$IN"; exit 3'
      inputs: {IN: "${fetch.o}"}
      outputs: {o: o.txt}
outputs: {o: "${prints.o}"}
`

// TestASecretStandsNowhereButInWhatAStageWrites looks through everything that belay says and writes.
func TestASecretStandsNowhereButInWhatAStageWrites(t *testing.T) {
	t.Parallel()
	const value = "line/one+of \"it\" ü\nsecond&line<of>it"
	lines := strings.Split(value, "\n")
	var forms []string
	for _, v := range append(lines, value) {
		forms = append(forms, v, url.QueryEscape(v), base64.StdEncoding.EncodeToString([]byte(v)), hex.EncodeToString([]byte(v)))
	}
	forms = append(forms, "line/one", "second&line", `second\u0026line`, "second&amp;line")
	dir := workspaceWith(t, leaky)
	check := func(where string, text []byte) {
		t.Helper()
		for _, f := range forms {
			if bytes.Contains(text, []byte(f)) {
				t.Errorf("%q stands in %s", f, where)
			}
		}
	}
	for _, args := range [][]string{
		{"run", "recipe.yaml", "-v", "--keep-going"},
		{"run", "recipe.yaml", "-v", "--keep-going", "--log-format", "json", "--force", "prints", "--json"}, // fetch is fresh
		{"run", "recipe.yaml", "-v", "--keep-going", "--force", "*"},
		{"explain", "recipe.yaml", "fetch", "--json"},
		{"plan", "recipe.yaml", "--json"},
		{"show", "--json"},
		{"inspect", "out/leaky/o", "--json"},
	} {
		c := belay(t, dir, args...)
		c.Env = append(c.Env, "TOKEN="+value)
		out, msg, code := finish(t, c)
		if args[0] == "run" && code != 40 || args[0] != "run" && code != 0 {
			t.Fatalf("belay %v exits %d: %s", args, code, msg)
		}
		check("what belay "+args[0]+" says", []byte(out+msg))
		if args[0] == "run" && !strings.Contains(msg, "[secret]") {
			t.Error("nothing was cut out: the test tests nothing")
		}
	}
	files, outputs := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if strings.HasSuffix(path, "files/o.txt") && string(text) == value {
			outputs++ // the stage wrote it itself
			return err
		}
		check(path, text)
		return err
	})
	if err != nil || files < 12 || outputs != 1 {
		t.Fatalf("%d files looked at, %d with the value: %v", files, outputs, err)
	}
}
