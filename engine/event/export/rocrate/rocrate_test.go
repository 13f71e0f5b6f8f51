package rocrate

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event/export"
	"github.com/belay-ml/belay/engine/event/export/exporttest"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
)

// entities are a crate's description as somebody else reads it, by ID.
func entities(t *testing.T, meta []byte) map[string]map[string]any {
	t.Helper()
	var doc struct {
		Context []string         `json:"@context"`
		Graph   []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal(meta, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Context) != 2 || doc.Context[0] != "https://w3id.org/ro/crate/1.1/context" {
		t.Errorf("context %v", doc.Context)
	}
	out := map[string]map[string]any{}
	for _, e := range doc.Graph {
		id, _ := e["@id"].(string)
		if id == "" || out[id] != nil || e["@type"] == nil {
			t.Errorf("entity %q has no ID or type, or is doubled", id)
		}
		out[id] = e
	}
	return out
}

// refs are the IDs that a property refers to.
func refs(v any) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		if id, ok := v["@id"].(string); ok {
			out = append(out, id)
		}
	case []any:
		for _, x := range v {
			out = append(out, refs(x)...)
		}
	}
	return out
}

func isA(e map[string]any, kind string) bool {
	list, ok := e["@type"].([]any)
	return e["@type"] == kind || ok && slices.Contains(list, any(kind))
}

func build(t *testing.T, src *export.Source, opt Options) (*Crate, map[string]map[string]any) {
	t.Helper()
	c, err := New(src, opt)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Metadata(&b); err != nil {
		t.Fatal(err)
	}
	return c, entities(t, b.Bytes())
}

// What RO-Crate and its run profiles ask of a description.
func checkProfile(t *testing.T, all map[string]map[string]any) {
	t.Helper()
	for id, e := range all {
		for property, v := range e {
			for _, to := range refs(v) {
				if all[to] == nil && !(id == MetadataFile && property == "conformsTo") && to != export.Home && !strings.HasPrefix(to, "https://bioschemas.org/profiles/") {
					t.Errorf("%s: %s refers to %s, which is not described", id, property, to)
				}
			}
		}
	}
	want := func(id string, properties ...string) {
		for _, p := range properties {
			if v := all[id][p]; v == nil || v == "" {
				t.Errorf("%s lacks %s", id, p)
			}
		}
	}
	want(MetadataFile, "about", "conformsTo")
	want("./", "name", "description", "datePublished", "license", "mainEntity", "hasPart", "mentions", "conformsTo")
	for _, p := range []string{"process", "workflow", "provenance"} {
		if !slices.Contains(refs(all["./"]["conformsTo"]), "https://w3id.org/ro/wfrun/"+p+"/0.5") {
			t.Errorf("the crate does not conform to the %s profile", p)
		}
	}
	main := refs(all["./"]["mainEntity"])[0]
	want(main, "programmingLanguage", "step", "hasPart", "sha256", "contentSize", "encodingFormat")
	for _, kind := range []string{"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} {
		if !isA(all[main], kind) {
			t.Errorf("the recipe is no %s", kind)
		}
	}
	parts, mentions := refs(all["./"]["hasPart"]), refs(all["./"]["mentions"])
	byInstrument := map[string]int{}
	for id, e := range all {
		switch {
		case isA(e, "CreateAction"):
			want(id, "instrument", "name", "description", "actionStatus")
			byInstrument[refs(e["instrument"])[0]]++
			if !slices.Contains(mentions, id) {
				t.Errorf("the crate does not mention %s", id)
			}
			if (e["error"] != nil) != (e["actionStatus"] == "http://schema.org/FailedActionStatus") {
				t.Errorf("%s: error %v with status %v", id, e["error"], e["actionStatus"])
			}
		case isA(e, "FormalParameter"):
			want(id, "name", "additionalType", "workExample")
		case isA(e, "PropertyValue"):
			want(id, "name", "exampleOfWork")
		case isA(e, "HowToStep"):
			want(id, "workExample", "position")
		case isA(e, "ControlAction"):
			want(id, "instrument", "object")
		case isA(e, "OrganizeAction"):
			want(id, "instrument", "object", "result")
		case isA(e, "ParameterConnection"):
			want(id, "sourceParameter", "targetParameter")
		case isA(e, "File"):
			want(id, "sha256", "encodingFormat")
			if u, err := url.Parse(id); err != nil || strings.HasPrefix(id, "/") || u.Scheme == "" && strings.HasPrefix(id, "#") {
				t.Errorf("file %s is neither a path nor an address", id)
			}
		case isA(e, "Dataset") && id != "./":
			if !slices.Contains(parts, id) {
				t.Errorf("%s is no part of the crate", id)
			}
		}
	}
	for _, tool := range append(refs(all[main]["hasPart"]), main) {
		if byInstrument[tool] == 0 {
			t.Errorf("no action was done with %s", tool)
		}
	}
}

func TestTheCrateConformsToItsProfiles(t *testing.T) {
	t.Parallel()
	for _, opt := range []Options{{}, {License: "Apache-2.0", Agent: "Ann", Outputs: true}, {License: "https://example.org/license"}} {
		_, all := build(t, exporttest.Source(t), opt)
		checkProfile(t, all)
		if (all["#agent"] != nil) != (opt.Agent != "") {
			t.Errorf("agent %v", all["#agent"])
		}
	}
}

func TestEveryInstanceThatRanHasItsAction(t *testing.T) {
	t.Parallel()
	_, all := build(t, exporttest.Source(t), Options{})
	var have []string
	for id, e := range all {
		if isA(e, "CreateAction") {
			have = append(have, fmt.Sprintf("%s %v %v %v in %d out %d", id, e["actionStatus"], e["startTime"], e["endTime"], len(refs(e["object"])), len(refs(e["result"]))))
		}
	}
	slices.Sort(have)
	done, failed := "http://schema.org/CompletedActionStatus", "http://schema.org/FailedActionStatus"
	want := []string{
		"#action/text " + done + " 2026-03-01T08:30:00.000+00:00 2026-03-01T08:31:00.000+00:00 in 1 out 1", // when it was made
		"#action/trained%5Blr=0.1%2Cseed=1%5D " + done + " 2026-03-01T09:30:01.000+00:00 2026-03-01T09:30:31.000+00:00 in 3 out 3",
		"#action/trained%5Blr=0.1%2Cseed=2%5D " + failed + " 2026-03-01T09:30:02.000+00:00 2026-03-01T09:30:07.000+00:00 in 3 out 0",
		"#action/trained%5Blr=0.1%2Cseed=3%5D " + failed + " 2026-03-01T09:30:02.000+00:00 2026-03-01T09:30:08.000+00:00 in 3 out 0",
		"#run/20260301-093000-ab12 " + failed + " 2026-03-01T09:30:00.000+00:00 2026-03-01T09:31:00.000+00:00 in 3 out 3",
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
	if e := all["#action/trained%5Blr=0.1%2Cseed=2%5D"]; e["error"] != "loss is NaN\nat step 3" {
		t.Errorf("error %v", e["error"])
	}
	if all["#connection/text/index/trained/data"] == nil {
		t.Error("the connection of the stages is not described")
	}
	file := all["ni:///sha-256;wsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsI"]
	if file["sha256"] != exporttest.Digest("c2") || file["contentSize"] != "10" || file["name"] != "sub/model.bin" {
		t.Errorf("have %v", file)
	}
}

func TestTheCrateHoldsWhatItSays(t *testing.T) {
	t.Parallel()
	src := exporttest.Source(t)
	c, all := build(t, src, Options{Outputs: true})
	dir := filepath.Join(t.TempDir(), "crates", "run")
	if err := c.Write(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	var have []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			have = append(have, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(have)
	if d := cmp.Diff(slices.Sorted(slices.Values(append(c.Files(), MetadataFile))), have); d != "" {
		t.Error(d)
	}
	copied := 0
	for id, e := range all {
		u, err := url.Parse(id)
		if err != nil || u.Scheme != "" || !isA(e, "File") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(u.Path)))
		if err != nil {
			t.Error(err)
			continue
		}
		if e["contentSize"] != strconv.Itoa(len(data)) {
			t.Errorf("%s has %d bytes, not %v", id, len(data), e["contentSize"])
		}
		if strings.HasPrefix(id, OutputsDir) {
			copied++ // the digests of the test's outputs are made up
			continue
		}
		if sum := sha256.Sum256(data); e["sha256"] != hex.EncodeToString(sum[:]) {
			t.Errorf("%s has another digest", id)
		}
	}
	if copied != 3 {
		t.Errorf("%d outputs copied, want 3", copied)
	}
	if err := c.Write(t.Context(), dir); err == nil || fault.CodeOf(err) != fault.Usage {
		t.Errorf("written over: %v", err)
	}
	run, err := record.Load(dir)
	if err != nil || run.ID != src.Run.ID {
		t.Errorf("the record in the crate: %v", err)
	}
	if bin := os.Getenv("BELAY_ROCRATE_VALIDATOR"); bin == "" {
		t.Log("no outside validator: BELAY_ROCRATE_VALIDATOR names none")
	} else if out, err := exec.Command(bin, dir).CombinedOutput(); err != nil { // no part of CI: it fetches contexts
		t.Errorf("%v: %s", err, out)
	}
}

func TestAnArchiveIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	var first []byte
	for range 2 {
		c, _ := build(t, exporttest.Source(t), Options{Outputs: true})
		path := filepath.Join(t.TempDir(), "run.zip")
		if err := c.Write(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		z, err := zip.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		if z.File[0].Name != MetadataFile || len(z.File) != len(c.Files())+1 {
			t.Errorf("%d files, %s first", len(z.File), z.File[0].Name)
		}
		z.Close()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, data) {
			t.Error("two archives differ")
		}
		first = data
	}
}

func TestAnInterruptedExportLeavesNothing(t *testing.T) {
	t.Parallel()
	c, _ := build(t, exporttest.Source(t), Options{Outputs: true})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	dir := t.TempDir()
	for _, name := range []string{"crate", "crate.zip"} {
		if err := c.Write(ctx, filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestALargeOutputIsListedInPart(t *testing.T) {
	t.Parallel()
	src := exporttest.Source(t)
	src.Contents = func(o record.Output) (export.Content, bool) {
		if o.Port != "checkpoint" {
			return export.Content{}, false
		}
		c := export.Content{Root: "/x", Dir: true}
		for i := range MaxListed + 50 {
			c.Files = append(c.Files, artifact.File{Path: fmt.Sprint(i), Mode: artifact.Regular, Digest: artifact.HashText(fmt.Sprint(i))})
		}
		return c, true
	}
	_, all := build(t, src, Options{})
	checkProfile(t, all)
	dir := all[byDigest(exporttest.Digest("bb"), "")]
	if n := len(refs(dir["hasPart"])); n != MaxListed || !strings.Contains(fmt.Sprint(dir["description"]), "250 files, of which 200") {
		t.Errorf("%d listed: %v", n, dir["description"])
	}
}

func TestWithoutARecipeOrAStageThatRanThereIsNoCrate(t *testing.T) {
	t.Parallel()
	src := exporttest.Source(t)
	src.Texts = nil
	if _, err := New(src, Options{}); err == nil || fault.CodeOf(err) != fault.Data {
		t.Error(err)
	}
	src = exporttest.Source(t)
	src.Run.Nodes = src.Run.Nodes[4:]
	if _, err := New(src, Options{}); err == nil || fault.CodeOf(err) != fault.Data {
		t.Error(err)
	}
}

func TestNamesOfFoldersAreSafeAndDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, s := range []string{"a", `a[x="b:c"]`, `a[x="b*c"]`, `a[x="../c"]`, "..", strings.Repeat("é", 80), strings.Repeat("é", 81)} {
		name := fileName(s)
		if other, ok := seen[name]; ok || !filepath.IsLocal(name) || len(name) > 120 || strings.ContainsAny(name, `/\:*"`) {
			t.Errorf("%q becomes %q, as %q does", s, name, other)
		}
		seen[name] = s
	}
}
