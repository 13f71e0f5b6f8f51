package slsa

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event/export"
	"github.com/belay-ml/belay/engine/event/export/exporttest"
	"github.com/belay-ml/belay/engine/fault"
)

func names(all []Descriptor) (out []string) {
	for _, d := range all {
		for alg, v := range d.Digest {
			out = append(out, d.Name+" "+alg+" "+v[:4])
		}
	}
	return out
}

func TestAStatementNamesEveryFileAndWhatItWasMadeFrom(t *testing.T) {
	t.Parallel()
	src := exporttest.Source(t)
	var b bytes.Buffer
	if err := Write(&b, src, ""); err != nil {
		t.Fatal(err)
	}
	var s Statement
	dec := json.NewDecoder(&b)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		t.Fatal(err)
	}
	if s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://slsa.dev/provenance/v1" {
		t.Errorf("have %s, %s", s.Type, s.PredicateType)
	}
	want := []string{
		"text.index belayTree1 aaaa", // its listing is gone
		"trained[lr=0.1,seed=1].checkpoint/config.json sha256 c1c1", "trained[lr=0.1,seed=1].checkpoint/sub/model.bin sha256 c2c2",
		"trained[lr=0.1,seed=1].log sha256 1010",
	}
	if d := cmp.Diff(want, names(s.Subject)); d != "" {
		t.Error(d)
	}
	sum := sha256.Sum256(src.Texts[0].Data)
	def := s.Predicate.BuildDefinition
	if d := cmp.Diff([]string{"recipe.yaml sha256 " + hex.EncodeToString(sum[:2]), "data/text.jsonl sha256 5050", "models/tiny belayTree1 6060"}, names(def.ResolvedDependencies)); d != "" {
		t.Error(d)
	}
	if def.BuildType == "" || def.ExternalParameters["recipe"] != "tiny" || s.Predicate.RunDetails.Builder.ID == "" ||
		s.Predicate.RunDetails.Metadata.StartedOn != "2026-03-01T09:30:00Z" || s.Predicate.RunDetails.Metadata.InvocationID != src.Run.ID {
		t.Errorf("have %+v", s.Predicate)
	}
}

func TestAStatementAboutOneStageNamesItsInputs(t *testing.T) {
	t.Parallel()
	s, err := New(exporttest.Source(t), "trained")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Subject) != 3 {
		t.Errorf("have %v", names(s.Subject))
	}
	deps := strings.Join(names(s.Predicate.BuildDefinition.ResolvedDependencies)[1:], "; ")
	if deps != "models/tiny belayTree1 6060; text.index belayTree1 aaaa" {
		t.Error(deps)
	}
}

func TestNothingMadeIsNoProvenance(t *testing.T) {
	t.Parallel()
	src := exporttest.Source(t)
	for i := range src.Run.Nodes {
		src.Run.Nodes[i].State = "failed"
	}
	if _, err := New(src, ""); err == nil || fault.CodeOf(err) != fault.Data {
		t.Error(err)
	}
	if _, err := New(exporttest.Source(t), "none"); err == nil {
		t.Error("a stage that is not there has provenance")
	}
}

func TestPathsAreReferences(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"a b/c.yaml": "a%20b/c.yaml", "hf://x/y": "hf://x/y", "~/x": "~/x", export.Home: export.Home} {
		if have := fileURI(path); have != want {
			t.Errorf("%s: have %s, want %s", path, have, want)
		}
	}
}
