package preprocess

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/testdata/goldens"
)

type goldenCase struct {
	Name     string                     `json:"name"`
	Argv     []string                   `json:"argv"`
	Handler  string                     `json:"handler"`
	Expect   string                     `json:"expect"`
	Expected map[string]json.RawMessage `json:"expected"`
}

// paramsOf translates the reference's command line.
func paramsOf(argv []string, dir string) (*Params, error) {
	p := &Params{Style: "pretrain", OutputPrefix: "data", Compat: "rc3", Seed: 1234}
	ref := func(rel string) artifact.Ref {
		return artifact.Ref{Path: filepath.Join(dir, filepath.FromSlash(rel)), Label: rel}
	}
	var missing error
	for i := 0; i < len(argv); i++ {
		var values []string
		for i+1+len(values) < len(argv) && !strings.HasPrefix(argv[i+1+len(values)], "--") {
			values = append(values, argv[i+1+len(values)])
		}
		value := ""
		if len(values) > 0 {
			value = values[0]
		}
		switch argv[i] {
		case "--input":
			if slices.Contains(argv, "--dataset-dir") {
				p.Dataset = strings.Split(value, ",")
			} else {
				p.Input = []artifact.Ref{ref(value)}
			}
		case "--dataset-dir":
			p.Input = []artifact.Ref{ref(value)}
		case "--mix-strategy":
			p.Mix = value
		case "--interleave-probs":
			for _, text := range strings.Split(value, ",") {
				x, err := strconv.ParseFloat(text, 64)
				if err != nil {
					return nil, err
				}
				p.InterleaveProbs = append(p.InterleaveProbs, x)
			}
		case "--tokenizer-name-or-path":
			p.Tokenizer = ref(value)
		case "--tokenizer-type":
			p.TokenizerType = value
		case "--tokenizer-not-use-fast":
			p.NotUseFast = true
		case "--vocab-file":
			p.VocabFile = ref(value)
		case "--merge-file":
			p.MergeFile = ref(value)
		case "--handler-name":
			p.Style = value
		case "--prompt-type":
			p.Template = value
		case "--json-keys":
			p.JSONKeys = values
		case "--output-prefix":
			if !strings.Contains(value, "/") {
				return nil, fmt.Errorf("--output-prefix %s: no directory", value)
			}
			p.OutputPrefix = filepath.Base(value)
		case "--append-eod":
			p.AppendEOD = true
		case "--pack":
			p.Pack = true
		case "--merge-group-keys":
			p.MergeGroupKeys = values
		case "--seq-length", "--n-subs", "--workers", "--max-samples", "--seed":
			n, err := strconv.Atoi(value)
			if err != nil {
				return nil, err
			}
			switch argv[i] {
			case "--seq-length":
				p.SeqLength = n
			case "--n-subs":
				p.Subsets = n
			case "--max-samples":
				p.MaxSamples = int64(n)
			case "--seed":
				p.Seed = int64(n)
			default:
				p.Workers = n
			}
		case "--map-keys":
			var all map[string]any
			if err := json.Unmarshal([]byte(value), &all); err != nil {
				return nil, err
			}
			p.MapKeys = map[string]string{}
			for k, v := range all {
				if tags, ok := v.(map[string]any); ok && k == "tags" {
					p.Tags = map[string]string{}
					for tag, word := range tags {
						p.Tags[tag], _ = word.(string)
					}
				} else {
					p.MapKeys[k], _ = v.(string)
				}
			}
		default:
			missing = fmt.Errorf("option %s is not translated", argv[i])
		}
		i += len(values)
	}
	return p, missing
}

func TestGoldenPreprocess(t *testing.T) {
	t.Parallel()
	root := goldens.Dir(t, "preprocess")
	found, _ := filepath.Glob(filepath.Join(root, "*", "case.json"))
	for _, path := range found {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Dir(path)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var c goldenCase
			if err := json.Unmarshal(text, &c); err != nil {
				t.Fatal(err)
			}
			got, err := runCase(t, c, dir)
			if c.Expect == "error" {
				if err == nil {
					t.Fatal("want an error, as in the reference")
				}
				t.Log(err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for name := range c.Expected {
				want, err := os.ReadFile(filepath.Join(dir, "expected", name))
				if err != nil {
					t.Fatal(err)
				}
				have, err := os.ReadFile(filepath.Join(got, name))
				if err != nil {
					t.Error(err)
					continue
				}
				if !bytes.Equal(want, have) {
					t.Errorf("%s differs: %s", name, firstDifference(filepath.Join(dir, "expected", name), filepath.Join(got, name)))
				}
			}
		})
	}
}

func runCase(t *testing.T, c goldenCase, dir string) (string, error) {
	t.Helper()
	p, err := paramsOf(c.Argv, dir)
	if err != nil {
		return "", err
	}
	return runStage(t, p)
}

// runStage runs the stage by itself and gives the folder of its port.
func runStage(t testing.TB, p *Params) (string, error) {
	t.Helper()
	root := t.TempDir()
	out := engine.Out{Root: root, Ports: map[string]string{"index": filepath.Join(root, "index")}, Notes: map[string]any{}}
	err := Stage{}.Run(context.Background(), engine.In{Params: p, Work: filepath.Join(t.TempDir(), "work"), CPU: 2}, out)
	return out.Path("index"), err
}

// firstDifference names the first sequence in which two indexes differ.
func firstDifference(want, got string) string {
	a, errA := corpus.Open(strings.TrimSuffix(strings.TrimSuffix(want, ".bin"), ".idx"))
	b, errB := corpus.Open(strings.TrimSuffix(strings.TrimSuffix(got, ".bin"), ".idx"))
	if errA != nil || errB != nil {
		return fmt.Sprint(errA, errB)
	}
	defer a.Close()
	defer b.Close()
	for i := range min(a.Sequences(), b.Sequences()) {
		x, _ := a.Append(nil, i)
		y, _ := b.Append(nil, i)
		if fmt.Sprint(x) != fmt.Sprint(y) {
			return fmt.Sprintf("sequence %d:\nwant %v\nhave %v", i, x, y)
		}
	}
	return fmt.Sprintf("sequences %d, want %d; documents %d, want %d; tokens %d, want %d", b.Sequences(), a.Sequences(), b.Documents(), a.Documents(), b.Tokens(), a.Tokens())
}
