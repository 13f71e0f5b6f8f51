package slsa

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event/export"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
)

// The types of what is written, as the specifications name them.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://slsa.dev/provenance/v1"
	BuildType     = export.Home + "/recipe/v1"
)

// treeAlgorithm names the digest of a directory.
const treeAlgorithm = "belayTree1"

// Statement is an in-toto Statement v1.
type Statement struct {
	Type          string       `json:"_type"`
	Subject       []Descriptor `json:"subject"`
	PredicateType string       `json:"predicateType"`
	Predicate     Provenance   `json:"predicate"`
}

// Descriptor is an in-toto ResourceDescriptor v1.
type Descriptor struct {
	URI         string            `json:"uri,omitempty"`
	Name        string            `json:"name,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"`
	MediaType   string            `json:"mediaType,omitempty"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

// Provenance is a SLSA provenance v1 predicate.
type Provenance struct {
	BuildDefinition BuildDefinition `json:"buildDefinition"`
	RunDetails      RunDetails      `json:"runDetails"`
}

// BuildDefinition says what was asked for.
type BuildDefinition struct {
	BuildType            string         `json:"buildType"`
	ExternalParameters   map[string]any `json:"externalParameters"`
	InternalParameters   map[string]any `json:"internalParameters,omitempty"`
	ResolvedDependencies []Descriptor   `json:"resolvedDependencies,omitempty"`
}

// RunDetails says what ran.
type RunDetails struct {
	Builder  Builder  `json:"builder"`
	Metadata Metadata `json:"metadata"`
}

// Builder is the program.
type Builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

// Metadata is about this run.
type Metadata struct {
	InvocationID string `json:"invocationId"`
	StartedOn    string `json:"startedOn,omitempty"`
	FinishedOn   string `json:"finishedOn,omitempty"`
}

// Write writes the statement about a run, or about one stage of it, as one line of JSON.
func Write(w io.Writer, src *export.Source, stage string) error {
	s, err := New(src, stage)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Errorf("write statement: %w", err)
	}
	return nil
}

// New is the statement about a run, or about one stage of it.
func New(src *export.Source, stage string) (*Statement, error) {
	run := src.Run
	s := &Statement{Type: StatementType, PredicateType: PredicateType}
	b := &s.Predicate.BuildDefinition
	b.BuildType = BuildType
	b.ExternalParameters = map[string]any{"recipe": run.Recipe, "path": run.Origin}
	if len(run.Params) > 0 {
		b.ExternalParameters["params"] = run.Params
	}
	if stage != "" {
		b.ExternalParameters["stage"] = stage
	}
	b.InternalParameters = map[string]any{"recipeDigest": run.Digest, "keys": keys(run, stage)}
	for i, t := range src.Texts {
		sum := sha256.Sum256(t.Data)
		b.ResolvedDependencies = append(b.ResolvedDependencies, Descriptor{
			Name: src.Name(i), URI: fileURI(t.Path), Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}, MediaType: "application/yaml",
		})
	}
	for i := range run.Nodes {
		n := &run.Nodes[i]
		if stage != "" && !n.Called(stage) || n.State != "done" && n.State != "fresh" {
			continue
		}
		for _, o := range n.Outputs {
			s.Subject = append(s.Subject, subjects(src, n, o)...)
		}
		for _, in := range n.Inputs {
			if in.Digest == "" || stage == "" && in.Node != "" {
				continue
			}
			b.ResolvedDependencies = append(b.ResolvedDependencies, dependency(src, in))
		}
	}
	if len(s.Subject) == 0 {
		return nil, fault.New(fault.Data, "state provenance of run %s: it made nothing", run.ID).WithHint("belay show %s lists its stages", run.ID)
	}
	b.ResolvedDependencies = distinct(b.ResolvedDependencies)
	slices.SortFunc(s.Subject, func(a, b Descriptor) int { return cmp.Compare(a.Name, b.Name) })
	s.Predicate.RunDetails = RunDetails{
		Builder:  Builder{ID: export.Home},
		Metadata: Metadata{InvocationID: run.ID, StartedOn: stamp(run.Started), FinishedOn: stamp(run.Finished)},
	}
	if run.Belay != "" {
		s.Predicate.RunDetails.Builder.Version = map[string]string{"belay": run.Belay}
	}
	return s, nil
}

// keys are what the results are stored under.
func keys(run *record.Run, stage string) map[string]string {
	out := map[string]string{}
	for _, n := range run.Nodes {
		if n.Key != "" && (stage == "" || n.Called(stage)) {
			out[n.ID] = n.Key
		}
	}
	return out
}

// subjects are an output's files, or the output as a whole.
func subjects(src *export.Source, n *record.Node, o record.Output) []Descriptor {
	name := n.ID + "." + o.Port
	c, known := src.Content(o)
	if !known {
		return []Descriptor{{Name: name, Digest: map[string]string{treeAlgorithm: o.Digest}}}
	}
	var out []Descriptor
	for _, f := range c.Files {
		if f.Mode != artifact.Regular && f.Mode != artifact.Executable {
			continue // a link's target stands at its own place
		}
		d := Descriptor{Name: name, Digest: map[string]string{"sha256": string(f.Digest)}}
		if f.Path != "" {
			d.Name += "/" + f.Path
		}
		out = append(out, d)
	}
	return out
}

func dependency(src *export.Source, in record.Input) Descriptor {
	d := Descriptor{Name: in.Label}
	algorithm := treeAlgorithm
	if src.IsFile(in) {
		algorithm = "sha256"
	}
	d.Digest = map[string]string{algorithm: in.Digest}
	if in.Node == "" {
		d.URI = fileURI(in.Label)
		return d
	}
	d.URI = "belay:" + url.PathEscape(src.Run.Recipe) + "/" + url.PathEscape(in.Label)
	return d
}

// fileURI is a reference to a path of the workspace; what is an address already stays.
func fileURI(path string) string {
	if u, err := url.Parse(path); err == nil && u.Scheme != "" {
		return path
	}
	return (&url.URL{Path: path}).String()
}

func distinct(all []Descriptor) []Descriptor {
	var out []Descriptor
	seen := map[string]bool{}
	for _, d := range all {
		id := d.URI + "\x00" + d.Digest["sha256"] + d.Digest[treeAlgorithm]
		if !seen[id] {
			seen[id] = true
			out = append(out, d)
		}
	}
	return out
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
