package task

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes files below a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "mm[lu]*") // no name is a pattern
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func exam(t *testing.T) string {
	t.Helper()
	return tree(t, map[string]string{
		"test/high_school_b_test.csv": "Q1,a,b,c,d,A\n\"Q2, with\n\"\"quotes\"\"\",NA,None,,d,D\n",
		"test/a_test.csv":             "\ufeffFirst,1,2,3,4,B\n",
		"test/notes.txt":              "not a subject",
		"dev/a_dev.csv":               "D1,1,2,3,4,C\nD2,5,6,7,8,A\n",
		"val/a_val.csv":               "V1,1,2,3,4,A\n",
	})
}

func TestSplitsAndTheirExamples(t *testing.T) {
	t.Parallel()
	root := exam(t)
	shots := []Item{
		{ID: 0, Question: "D1", Choices: []string{"1", "2", "3", "4"}, Gold: 2},
		{ID: 1, Question: "D2", Choices: []string{"5", "6", "7", "8"}, Gold: 0},
	}
	first := Item{ID: 0, Question: "First", Choices: []string{"1", "2", "3", "4"}, Gold: 1}
	other := Subject{Name: "high_school_b", Items: []Item{
		{ID: 0, Question: "Q1", Choices: []string{"a", "b", "c", "d"}, Gold: 0},
		{ID: 1, Question: "Q2, with\n\"quotes\"", Choices: []string{"NA", "None", "", "d"}, Gold: 3},
	}}
	for _, c := range []struct {
		name, dir, split string
		want             []Subject
	}{
		{"the root", root, "test", []Subject{{"a", []Item{first}, shots}, other}},
		{"the folder of the split", filepath.Join(root, "test"), "test", []Subject{{"a", []Item{first}, nil}, other}},
		{"the folder of the split, with a slash", filepath.Join(root, "test") + "/", "test", []Subject{{"a", []Item{first}, nil}, other}},
		{"val", root, "val", []Subject{{"a", []Item{{ID: 0, Question: "V1", Choices: []string{"1", "2", "3", "4"}, Gold: 0}}, shots}}},
		{"dev", root, "dev", []Subject{{"a", shots, shots}}},
	} {
		got, err := MMLU{}.Load(c.dir, c.split)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
}

func TestBadFilesNameTheLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"too few columns", "Q,a,b,c,d,A\nQ,a,b,c,A\n", "line 2: 5 columns, want 6"},
		{"after a question of two lines", "\"Q\nmore\",a,b,c,d,A\nQ,a,b,c,d,E\n", `line 3: answer "E", want A, B, C or D`},
		{"an answer of two letters", "Q,a,b,c,d,AB\n", "line 1: answer"},
		{"no text", "Q\xff,a,b,c,d,A\n", "line 1: text is not UTF-8"},
		{"a quote that stays open", "Q,a,b,c,d,A\n\"Q,a,b,c,d,A\n", "line 2"},
		{"nothing", "", "no questions"},
	} {
		dir := tree(t, map[string]string{"test/a_test.csv": c.text})
		_, err := MMLU{}.Load(dir, "test")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "a_test.csv") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	bad := tree(t, map[string]string{"test/a_test.csv": "Q,a,b,c,d,A\n", "dev/a_dev.csv": "x\n"})
	if _, err := (MMLU{}).Load(bad, "test"); err == nil || !strings.Contains(err.Error(), "a_dev.csv: line 1") {
		t.Errorf("bad examples: %v", err)
	}
	if _, err := (MMLU{}).Load(exam(t), "validation"); err == nil || !strings.Contains(err.Error(), "_validation.csv") {
		t.Errorf("no such split: %v", err)
	}
	if _, err := (MMLU{}).Load(filepath.Join(exam(t), "absent"), "test"); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("no such folder: %v", err)
	}
}

func TestPromptsAreTheReferences(t *testing.T) {
	t.Parallel()
	s := Subject{Name: "high_school_b"}
	shot := Item{Question: "D1 ", Choices: []string{"1", "2", "3", "4"}, Gold: 2}
	item := Item{Question: " Q1\n", Choices: []string{"a", "b", "c", "d"}}
	const head = "The following are multiple choice questions (with answers) about high school b.\n\n"
	const first, second = "D1\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:", "Q1\nA. a\nB. b\nC. c\nD. d\nAnswer:"
	for _, c := range []struct {
		shots []Item
		text  string
		turns []Turn
	}{
		{nil, head + second, []Turn{{Text: second}}},
		{[]Item{shot}, head + first + " C\n\n" + second, []Turn{{Text: head + first}, {Assistant: true, Text: "C"}, {Text: second}}},
	} {
		if d := cmp.Diff(c.text, MMLU{}.Context(s, c.shots, item)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(c.turns, MMLU{}.Turns(s, c.shots, item)); d != "" {
			t.Error(d)
		}
	}
}

func TestChoicesAreReadOutOfText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"A":                      0,
		"  \nB":                  1,
		"C. because":             2,
		"It is not A. but D. so": 3, // the last letter with a period of the first line
		"A is right":             0,
		"Answer":                 0, // a letter at the very start
		"maybe\nB. no":           -1,
		"The answer is C":        -1,
		"|. x":                   -1,
		"b. x":                   -1,
		"":                       -1,
		"B or C. x":              2,
	} {
		if have := (MMLU{}).Extract(text); have != want {
			t.Errorf("%q: %d, want %d", text, have, want)
		}
	}
}

func TestTasksAreFoundByName(t *testing.T) {
	t.Parallel()
	for _, task := range All() {
		found, ok := Find(task.Name())
		if !ok || found != task || task.Doc() == "" {
			t.Errorf("%s: found %v", task.Name(), ok)
		}
	}
	if _, ok := Find("mmluu"); ok {
		t.Error("found what is not there")
	}
}

func TestStandardErrors(t *testing.T) {
	t.Parallel()
	close := func(name string, have, want float64) {
		if math.Abs(have-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, have, want)
		}
	}
	// Of 1 0 0 0: mean 1/4, sample variance 1/4.
	one := Tally{Right: 1, Total: 4}
	close("accuracy", one.Accuracy(), 0.25)
	close("standard error", one.StdErr(), 0.25)
	close("of one answer", Tally{Right: 1, Total: 1}.StdErr(), 0)
	close("of nothing", Tally{}.StdErr()+Tally{}.Accuracy(), 0)
	// One group of that and one of 1 1: variances 1/4 with 3 degrees and 0 with 1, pooled 3/16, over 6.
	close("pooled", PooledStdErr([]Tally{one, {Right: 2, Total: 2}}), math.Sqrt(3.0/16/6))
	close("pooled of single answers", PooledStdErr([]Tally{{Total: 1}, {Total: 1}}), 0)
	var counted Tally
	for i := range 4 {
		counted.Add(i == 2)
	}
	if counted != one {
		t.Errorf("counted %+v", counted)
	}
}

func FuzzParseItems(f *testing.F) {
	f.Add("Q,a,b,c,d,A\n")
	f.Add("\"Q\n\"\"x\"\"\",a,b,c,d,D\r\n")
	f.Add("\ufeff,,,,,A")
	f.Add("\"")
	f.Fuzz(func(t *testing.T, text string) {
		items, err := parseItems(strings.NewReader(text))
		if err != nil {
			return
		}
		size := 0
		for i, item := range items {
			if item.ID != i || len(item.Choices) != 4 || item.Gold < 0 || item.Gold > 3 {
				t.Fatalf("%+v", item)
			}
			size += len(item.Question)
			for _, c := range item.Choices {
				size += len(c)
			}
		}
		if len(items) == 0 || size > len(text) {
			t.Fatalf("%d items of %d bytes from %d", len(items), size, len(text))
		}
	})
}
