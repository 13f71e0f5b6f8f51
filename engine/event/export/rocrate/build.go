package rocrate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/event/export"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/event/report"
	"github.com/belay-ml/belay/engine/event/sheet"
	"github.com/belay-ml/belay/engine/fault"
)

// Options are what a run does not know about itself.
type Options struct {
	License string // a URL or SPDX name; "" says that none was stated
	Agent   string // who ran it; "" names nobody
	Outputs bool   // copy the outputs too
}

// agentID is who ran the recipe.
const agentID = "#agent"

// builder makes the crate of one run.
type builder struct {
	*Crate
	src  *export.Source
	opt  Options
	main string // ID of the recipe
	made map[string]string
}

// New describes a run.
func New(src *export.Source, opt Options) (*Crate, error) {
	run := src.Run
	if len(src.Texts) == 0 {
		return nil, fault.New(fault.Data, "export run %s: the text of its recipe is not known", run.ID)
	}
	b := &builder{Crate: newCrate(), src: src, opt: opt, main: src.Name(0), made: map[string]string{}}
	b.root()
	b.recipe()
	if err := b.reports(); err != nil {
		return nil, err
	}
	ran := 0
	for i := range run.Nodes {
		n := &run.Nodes[i]
		b.parameters(n)
		if b.ran(n) {
			ran++
			b.action(n)
		}
	}
	if ran == 0 {
		return nil, fault.New(fault.Data, "export run %s: no stage ran", run.ID).WithHint("belay show %s lists its stages", run.ID)
	}
	b.whole()
	return b.Crate, nil
}

// root describes the crate: the metadata file, the folder and the profiles.
func (b *builder) root() {
	run := b.src.Run
	b.add(Entity{
		"@id": MetadataFile, "@type": "CreativeWork", "about": ref{"./"}, "conformsTo": []ref{{rocrateURL}, {workflowCrate}},
	})
	root := Entity{
		"@id": "./", "@type": "Dataset", "name": "Run " + run.ID + " of " + run.Recipe,
		"description":   fmt.Sprintf("The belay run %s of the recipe %s (%s), which ended as %s: its recipe, stages, parameters, results and report.", run.ID, run.Recipe, run.Origin, run.State()),
		"datePublished": stamp(b.end()), "mainEntity": ref{b.main},
	}
	b.add(root)
	for _, p := range []struct{ url, name, version string }{
		{processRun, "Process Run Crate", "0.5"}, {workflowRun, "Workflow Run Crate", "0.5"},
		{provenanceRun, "Provenance Run Crate", "0.5"}, {workflowCrate, "Workflow RO-Crate", "1.0"},
	} {
		b.link("./", "conformsTo", b.add(Entity{"@id": p.url, "@type": "CreativeWork", "name": p.name, "version": p.version}))
	}
	license := Entity{"@id": "#license", "@type": "CreativeWork", "name": "not stated", "description": "Who made this crate stated no license."}
	switch l := b.opt.License; {
	case strings.HasPrefix(l, "http://"), strings.HasPrefix(l, "https://"):
		license = Entity{"@id": l, "@type": "CreativeWork", "name": l}
	case l != "":
		license = Entity{"@id": "https://spdx.org/licenses/" + l, "@type": "CreativeWork", "name": l, "description": l + " as listed by SPDX"}
	}
	root["license"] = b.add(license)
	if b.opt.Agent != "" {
		root["author"] = b.add(Entity{"@id": agentID, "@type": "Person", "name": b.opt.Agent})
	}
}

// end is when the run ended, or began where that is not known.
func (b *builder) end() time.Time {
	if t := b.src.Run.Finished; !t.IsZero() {
		return t
	}
	return b.src.Run.Started
}

// recipe describes the workflow, its language, the engine, and copies its files.
func (b *builder) recipe() {
	run := b.src.Run
	language := b.add(Entity{"@id": "#belay-recipe", "@type": "ComputerLanguage", "name": "belay recipe", "version": "1", "url": ref{export.Home}})
	b.add(Entity{"@id": export.Home, "@type": "SoftwareApplication", "name": "belay", "softwareVersion": orUnknown(run.Belay), "url": export.Home})
	for i, t := range b.src.Texts {
		e := b.copied(b.src.Name(i), t.Data, "application/yaml")
		e["name"] = t.Path
		if i == 0 {
			e["@type"] = []string{"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"}
			e["name"], e["programmingLanguage"], e["conformsTo"] = run.Recipe, language, ref{bioschemas}
			e["description"] = "The recipe, as it was when the run began."
			e["version"] = orUnknown(run.Digest)
			e["url"] = export.Home
		} else {
			e["description"] = "A file that the recipe extends or uses."
		}
	}
}

// reports adds what a person reads and what a program reads of the run.
func (b *builder) reports() error {
	run := b.src.Run
	var page bytes.Buffer
	if err := report.HTML(&page, run); err != nil {
		return err
	}
	e := b.copied(record.ReportFile, page.Bytes(), "text/html")
	e["name"], e["description"] = "Report of the run", "States and times of the stages, curves and scores, in one page."
	text, err := json.MarshalIndent(run, "", " ")
	if err != nil {
		return fmt.Errorf("write run record: %w", err)
	}
	e = b.copied(record.RunFile, append(text, '\n'), "application/json")
	e["name"], e["description"] = "Record of the run", "Everything that belay recorded: all parameters with defaults, the parts of keys, curves and log lines."
	e = b.copied("README.md", []byte(readme(run)), "text/markdown")
	e["name"], e["about"] = "What this folder is", ref{"./"}
	sheets := sheet.Of([]*record.Run{run}, sheet.Options{})
	if sheets == nil {
		sheets = []sheet.Sheet{}
	}
	if text, err = json.MarshalIndent(sheets, "", " "); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	e = b.copied("metrics.json", append(text, '\n'), "application/json")
	e["name"], e["description"] = "Metrics", "Results by stage and matrix cell."
	return nil
}

// readme is for a person who finds the crate without knowing what one is.
func readme(run *record.Run) string {
	return fmt.Sprintf(`# Run %s of %s

A run of a belay recipe, packed as an [RO-Crate](%s). Open report.html in a browser; the recipe is what was run,
run.json has every parameter, key and curve, metrics.json the results, %s the whole as linked data.

    belay %s, started %s, %s
`, run.ID, run.Recipe, rocrateURL, MetadataFile, orUnknown(run.Belay), stamp(run.Started), run.State())
}

// copied adds a file of the crate and describes it.
func (b *builder) copied(name string, data []byte, format string) Entity {
	sum := sha256.Sum256(data)
	b.files = append(b.files, file{name: name, data: data})
	r := b.add(Entity{
		"@id": name, "@type": "File", "contentSize": strconv.Itoa(len(data)), "encodingFormat": format, "sha256": hex.EncodeToString(sum[:]),
	})
	b.link("./", "hasPart", r)
	return b.entities[r.ID]
}

// whole adds the action of the recipe itself and the one that organised its stages.
func (b *builder) whole() {
	run := b.src.Run
	id := local("run", run.ID)
	a := b.act(id, "Run "+run.ID+" of "+run.Recipe, run.Started, run.Finished, run.State(), run.Error)
	a["instrument"] = ref{b.main}
	a["description"] = fmt.Sprintf("belay run %s, which ended with exit code %d", run.Origin, run.Exit)
	for _, k := range slices.Sorted(maps.Keys(run.Params)) {
		v := fmt.Sprint(run.Params[k])
		p := b.add(Entity{"@id": local("parameter", "recipe", k), "@type": "FormalParameter", "name": k, "additionalType": dataType(v), "conformsTo": ref{parameterType}})
		value := b.value(local("value", "recipe", k), k, v, p)
		b.link(b.main, "input", p)
		b.link(id, "object", value)
	}
	for i := range run.Nodes {
		n := &run.Nodes[i]
		if !b.ran(n) {
			continue
		}
		for _, in := range n.Inputs {
			if in.Node == "" {
				b.link(id, "object", b.input(in))
			}
		}
		for _, o := range n.Outputs {
			b.link(id, "result", ref{b.made[n.ID+"."+o.Port]})
		}
	}
	organise := b.add(Entity{
		"@id": local("organise", run.ID), "@type": "OrganizeAction", "name": "belay ran the stages of " + run.Recipe,
		"instrument": ref{export.Home}, "result": ref{id}, "startTime": stamp(run.Started),
	})
	if !run.Finished.IsZero() {
		b.entities[organise.ID]["endTime"] = stamp(run.Finished)
	}
	for i := range run.Nodes {
		if n := &run.Nodes[i]; b.ran(n) {
			b.link(organise.ID, "object", ref{local("control", n.ID)})
		}
	}
}

// act adds an action with what all of them have.
func (b *builder) act(id, name string, start, end time.Time, state, fail string) Entity {
	e := Entity{"@id": id, "@type": "CreateAction", "name": name}
	if !start.IsZero() {
		e["startTime"] = stamp(start)
	}
	if !end.IsZero() {
		e["endTime"] = stamp(end)
	}
	switch state {
	case "done", "fresh":
		e["actionStatus"] = "http://schema.org/CompletedActionStatus"
	case "failed", "cancelled":
		e["actionStatus"] = "http://schema.org/FailedActionStatus"
		if fail == "" {
			fail = state
		}
		e["error"] = fail
	}
	if b.opt.Agent != "" {
		e["agent"] = ref{agentID}
	}
	b.add(e)
	b.link("./", "mentions", ref{id})
	return e
}

// value adds the value of a parameter, tied to what it is a value of.
func (b *builder) value(id, name, text string, of ref) ref {
	v := b.add(Entity{"@id": id, "@type": "PropertyValue", "name": name, "value": text, "exampleOfWork": of})
	b.link(of.ID, "workExample", v)
	return v
}

// dataType is the schema.org type of a value's text.
func dataType(s string) string {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return "Integer"
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return "Float"
	}
	if s == "true" || s == "false" {
		return "Boolean"
	}
	return "Text"
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// stamp is a time as the profiles' checks read it: with an offset, to the millisecond.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000") + "+00:00" }
