package store

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
)

func TestVerifyFindsEveryKindOfDamage(t *testing.T) {
	t.Parallel()
	var warnings []string
	s := open(t, t.TempDir(), &warnings)
	recs := map[string]*Record{}
	for _, name := range []string{"whole", "flipped", "missing", "added", "mode", "writable", "manifest", "lost", "unreadable"} {
		recs[name] = publish(t, s, name, map[string]string{"x": "1" + name, "d/y": "2"})
	}
	file := func(name string) string { return filepath.Join(recs[name].Path("out"), "x") }
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	st, err := os.Stat(file("flipped"))
	must(err)
	must(os.Chmod(file("flipped"), 0o644), os.WriteFile(file("flipped"), []byte("0flipped"), 0o644), os.Chmod(file("flipped"), 0o444),
		os.Chtimes(file("flipped"), st.ModTime(), st.ModTime()))
	must(os.Chmod(recs["missing"].Path("out"), 0o755), os.Remove(file("missing")))
	must(os.Chmod(recs["added"].Path("out"), 0o755), os.WriteFile(file("added")+"2", nil, 0o444), os.Chmod(recs["added"].Path("out"), 0o555))
	must(os.Chmod(file("mode"), 0o555))
	must(os.Chmod(file("writable"), 0o644), os.Chmod(recs["writable"].Path("out"), 0o755))
	must(os.WriteFile(filepath.Join(filepath.Dir(recs["manifest"].Root), "manifest.json"), []byte("{"), 0o644))
	must(removeAll(filepath.Dir(recs["lost"].Root)))
	must(os.WriteFile(s.place("keys", string(keyOf("unreadable")), ".json"), []byte("{"), 0o644))

	name := map[string]string{}
	for n, rec := range recs {
		name[string(rec.Digest)] = n
		name[string(keyOf(n))] = n
	}
	verify := func(only ...artifact.Digest) map[string]string {
		got := map[string]string{}
		if err := s.Verify(ctx, func(v Verdict) {
			n := name[string(v.Digest)]
			if v.Key != "" {
				n = name[string(v.Key)] + " key"
			}
			switch {
			case v.Damage != nil:
				got[n] = v.Damage.Error()
			default:
				got[n] = v.Mended
			}
		}, only...); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if d := cmp.Diff(map[string]string{"whole": ""}, verify(recs["whole"].Digest)); d != "" {
		t.Error(d)
	}
	got := verify()
	for n, want := range map[string]string{
		"flipped": "out/x has digest", "missing": "out/x is missing", "added": "out/x2 was added", "mode": "out/x has mode",
		"manifest": "its manifest is unreadable", "lost key": "its artifact is gone", "unreadable key": "cannot be read",
	} {
		if !strings.Contains(got[n], want) {
			t.Errorf("%s: %q, want %q", n, got[n], want)
		}
	}
	if got["writable"] != "2 files and folders were writable" || got["whole"] != "" {
		t.Errorf("%v", got)
	}
	if st, err := os.Stat(file("writable")); err != nil || st.Mode().Perm() != 0o444 {
		t.Error(st.Mode(), err)
	}
	if d := cmp.Diff([]string{"unreadable", "whole", "writable"}, slices.Sorted(maps.Keys(verify()))); d != "" {
		t.Errorf("a second look: %s", d)
	}
	for _, n := range []string{"flipped", "missing", "lost", "unreadable"} {
		if _, ok := s.Lookup(ctx, keyOf(n)); ok {
			t.Errorf("%s is still found", n)
		}
		if again := publish(t, s, n, map[string]string{"x": "1" + n, "d/y": "2"}); again.Digest != recs[n].Digest {
			t.Errorf("%s is not rebuilt", n)
		}
	}
}
