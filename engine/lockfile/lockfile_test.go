package lockfile

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
)

func digest(text string) string { return string(artifact.HashText(text)) }

func TestTheFileIsSortedAndReadAgain(t *testing.T) {
	t.Parallel()
	var f File
	f.Set(Entry{Kind: "hub", Name: []string{"model", "Qwen/Qwen2-7B", "main"}, Value: digest("c")[:40]})
	f.Set(Entry{Kind: "file", Name: []string{"data/a b.jsonl"}, Value: digest("a")})
	f.Set(Entry{Kind: "dir", Name: []string{"data"}, Value: digest("d")})
	f.Set(Entry{Kind: "file", Name: []string{"data/a b.jsonl"}, Value: digest("b")})
	want := "belay lock 1\n\ndir data = sha256:" + digest("d") + "\n\nfile \"data/a b.jsonl\" = sha256:" + digest("b") +
		"\n\nhub model Qwen/Qwen2-7B main = commit:" + digest("c")[:40] + "\n"
	if d := cmp.Diff(want, string(f.Format())); d != "" {
		t.Error(d)
	}
	dir := t.TempDir()
	if err := f.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(f.Entries(), again.Entries(), cmpopts.IgnoreFields(Entry{}, "Line")); d != "" {
		t.Error(d)
	}
	e, ok := again.Source("data/a b.jsonl")
	if !ok || e.At() != "belay.lock:5" || e.Value != digest("b") {
		t.Errorf("%+v %v", e, ok)
	}
	if none, err := Load(t.TempDir()); none != nil || err != nil {
		t.Error(none, err)
	}
	if _, ok := (*File)(nil).Find("hub", "x"); ok {
		t.Error("found something in no file")
	}
}

func TestMistakesHaveTheirPlace(t *testing.T) {
	t.Parallel()
	sum := digest("x")
	for text, want := range map[string]string{
		"file a = sha256:" + sum:                                                 `belay.lock:1:1: a lock file begins with the line "belay lock 1"`,
		"belay lock 2\n":                                                         "belay.lock:1:1: this is \"belay lock 2\"",
		header + "\nhbu a = commit:" + sum:                                       `belay.lock:2:1: unknown kind "hbu"`,
		header + "\n\nfile a":                                                    "belay.lock:3:7: want = and a value",
		header + "\nfile = sha256:" + sum:                                        "belay.lock:2:6: want a name before =",
		header + "\nfile a =":                                                    "belay.lock:2:9: want a value after =",
		header + "\nfile a = b c":                                                "belay.lock:2:12: want one value",
		header + "\nfile a b = sha256:" + sum:                                    "belay.lock:2:8: want one path, have 2 words",
		header + "\nfile ä = md5:" + sum:                                         "belay.lock:2:10: want sha256:..., have",
		header + "\nfile a = sha256:XYZ":                                         `belay.lock:2:17: want 64 lower-case hex digits, have "XYZ"`,
		header + "\nhub a = commit:" + sum[:41]:                                  "want 40 lower-case hex digits",
		header + "\nfile \"a = sha256:" + sum:                                    "belay.lock:2:6: the quote is not closed",
		header + "\nfile \"a\"b = sha256:" + sum:                                 "belay.lock:2:9: want a space after",
		header + "\nfile a\\ = sha256:" + sum:                                    `belay.lock:2:6: "a\\" must be written in double quotes`,
		header + "\nhub" + strings.Repeat(" a", 20) + " = commit:" + sum:         "more than 16 words",
		header + "\n#" + strings.Repeat("a", maxLine):                            "longer than 16384 bytes",
		header + "\n\n<<<<<<< ours\nfile a = sha256:" + sum:                      "belay.lock:3:1: a merge left a conflict here",
		header + "\nfile a = sha256:" + sum + "\nfile a = sha256:" + digest("y"): "belay.lock:3:1: file a is pinned twice, here and in line 2",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Recipe {
			t.Errorf("%.60q: error %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{header, header + "\r\n\r\nfile a = sha256:" + sum + "\r\n", "# by hand\n" + header + "\n# more\n", header + "\nfile a = sha256:" + sum + "\nfile a = sha256:" + sum} {
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Parse(make([]byte, maxFile+1)); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

func TestPathsAreThoseOfTheWorkspace(t *testing.T) {
	t.Parallel()
	for _, c := range [][4]string{
		{"/w", "/w/data/a", "data/a", "data/a"},
		{"/w", "/w/data/a", "/w/data/a", "data/a"},
		{"/w", "/w", ".", "."},
		{"/w/x", "/w/data", "../data", "../data"},
		{"/w", "/shared/a", "/shared/a", "/shared/a"},
	} {
		if got := Place(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("Place(%q, %q, %q) is %q, want %q", c[0], c[1], c[2], got, c[3])
		}
	}
}

func entries() *rapid.Generator[[]Entry] {
	hex := rapid.StringMatching(`[0-9a-f]{64}`)
	source := rapid.Custom(func(t *rapid.T) Entry {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z/. "\\=#<]{1,12}`), rapid.Just("=")).Draw(t, "path")
		return Entry{Kind: rapid.SampledFrom([]string{KindFile, KindDir}).Draw(t, "kind"), Name: []string{name}, Value: hex.Draw(t, "digest")}
	})
	hub := rapid.Custom(func(t *rapid.T) Entry {
		return Entry{Kind: "hub", Name: rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "name"), Value: hex.Draw(t, "commit")[:40]}
	})
	return rapid.SliceOf(rapid.OneOf(source, hub))
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var f File
		for _, e := range entries().Draw(t, "entries") {
			f.Set(e)
		}
		text := f.Format()
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if d := cmp.Diff(f.Entries(), again.Entries(), cmpopts.IgnoreFields(Entry{}, "Line"), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
		if !bytes.Equal(text, again.Format()) {
			t.Fatalf("%s\nbecame\n%s", text, again.Format())
		}
		for _, e := range again.Entries() {
			line := strings.Split(string(text), "\n")[e.Line-1]
			if !strings.HasPrefix(line, e.Thing()+" = ") {
				t.Fatalf("line %d is %q, not %s", e.Line, line, e.Thing())
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(header + "\n\nfile \"a b\" = sha256:" + digest("a") + "\n\nhub model a/b main = commit:" + digest("b")[:40] + "\n"))
	f.Add([]byte(header + "\n<<<<<<< a\n=======\n>>>>>>> b\n"))
	f.Add([]byte("belay lock 9"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(text)
		if err != nil {
			return
		}
		out := file.Format()
		again, err := Parse(out)
		if err != nil || !bytes.Equal(out, again.Format()) {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
	})
}

func TestAConflictIsSalvaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b, c := digest("a"), digest("b"), digest("c")
	text := header + "\n\nfile same = sha256:" + a + "\n\n<<<<<<< HEAD\nfile torn = sha256:" + a + "\nfile ours = sha256:" + a +
		"\n||||||| base\n=======\nfile torn = sha256:" + b + "\nfile theirs = sha256:" + c + "\n>>>>>>> branch\n"
	if err := os.WriteFile(filepath.Join(dir, Name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || fault.HintOf(err) == "" {
		t.Error(err)
	}
	f, torn, err := Salvage(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range f.Entries() {
		have = append(have, e.Thing())
	}
	if d := cmp.Diff([]string{"file ours", "file same", "file theirs"}, have); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"file torn"}, torn); d != "" {
		t.Error(d)
	}
	if f, torn, err := Salvage(t.TempDir()); err != nil || len(torn) > 0 || len(f.Entries()) > 0 {
		t.Error(f, torn, err)
	}
}

// branches merges two changes of a lock file with git and gives the result.
func branches(t *testing.T, attributes string, base, ours, theirs []Entry) (*File, error) {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) error {
		c := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"}, args...)...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("git %v: %w\n%s", args, err, out)
		}
		return nil
	}
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	save := func(lists ...[]Entry) {
		t.Helper()
		var f File
		for _, list := range lists {
			for _, e := range list {
				f.Set(e)
			}
		}
		must(f.Save(dir), git("add", "."), git("commit", "-qm", "x"))
	}
	must(git("init", "-q", "-b", "main"), os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte(attributes), 0o644))
	save(base)
	must(git("checkout", "-qb", "theirs"))
	save(base, theirs)
	must(git("checkout", "-q", "main"))
	save(base, ours)
	if err := git("merge", "-q", "theirs"); err != nil {
		return nil, err
	}
	return Load(dir)
}

func TestBranchesMerge(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	file := func(name, text string) Entry { return Entry{Kind: KindFile, Name: []string{name}, Value: digest(text)} }
	base := []Entry{file("b", "1"), file("d", "1"), file("f", "1")}
	for _, c := range []struct {
		name, attributes string
		ours, theirs     []Entry
		want             string
	}{
		{"entries in different places", "", []Entry{file("a", "1")}, []Entry{file("c", "1")}, "a b c d f"},
		{"neighbours that change", "", []Entry{file("b", "2")}, []Entry{file("d", "2")}, "b d f"},
		{"a change beside an addition", "", []Entry{file("d", "2")}, []Entry{file("a", "1")}, "a b d f"},
		{"entries in one place", "belay.lock merge=union\n", []Entry{file("c1", "1"), file("c3", "1")}, []Entry{file("c2", "1"), file("c4", "1")}, "b c1 c2 c3 c4 d f"},
	} {
		f, err := branches(t, c.attributes, base, c.ours, c.theirs)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var have []string
		for _, e := range f.Entries() {
			have = append(have, e.Name[0])
		}
		if got := strings.Join(have, " "); got != c.want {
			t.Errorf("%s: have %s", c.name, got)
		}
		for _, e := range append(c.ours, c.theirs...) {
			if got, _ := f.Source(e.Name[0]); got.Value != e.Value {
				t.Errorf("%s: %s is %s", c.name, e.Name[0], got.Value)
			}
		}
	}
	_, err := branches(t, "belay.lock merge=union\n", base, []Entry{file("b", "2")}, []Entry{file("b", "3")})
	if err == nil || !strings.Contains(err.Error(), "file b is pinned twice") {
		t.Errorf("one entry changed in both branches: %v", err)
	}
	if _, err := branches(t, "", base, []Entry{file("b", "2")}, []Entry{file("b", "3")}); err == nil {
		t.Error("git merged two values of one entry")
	}
}
