package rocrate

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event/export"
	"github.com/belay-ml/belay/engine/event/record"
)

// MaxListed bounds the files of one output that a crate describes one by one.
const MaxListed = 200

// OutputsDir is where copied outputs lie in a crate.
const OutputsDir = "outputs"

// ran says whether a node has an action: it ran in this run, or its outputs were made in an earlier one.
func (b *builder) ran(n *record.Node) bool {
	switch n.State {
	case "done", "failed", "cancelled":
		return true
	case "fresh":
		return len(n.Outputs) > 0
	}
	return false
}

// step is the ID of a stage's step, tool that of its kind.
func (b *builder) step(n *record.Node) string {
	return b.main + "#step/" + url.PathEscape(n.Stage())
}

func tool(n *record.Node) string {
	kind, version := export.Tool(n)
	id := export.Home + "#stage-" + url.PathEscape(kind)
	if version != "" {
		id += "-" + url.PathEscape(version)
	}
	return id
}

// parameter is the ID of a parameter of a node's tool, in or out.
func parameter(n *record.Node, direction, name string) string {
	kind, version := export.Tool(n)
	return local("parameter", kind+version, direction, name)
}

// top is the parameter that an input is a part of: "input[0]" and "inputs.IN" belong to input and inputs.
func top(param string) string {
	if i := strings.IndexAny(param, "[."); i > 0 {
		return param[:i]
	}
	return param
}

// parameters describes a node's step and tool. Both are there only for stages of which an instance ran.
func (b *builder) parameters(n *record.Node) {
	if !b.ran(n) {
		return
	}
	kind, version := export.Tool(n)
	t := b.add(Entity{"@id": tool(n), "@type": "SoftwareApplication", "name": "belay stage " + kind, "softwareVersion": orUnknown(version), "url": export.Home})
	b.link(b.main, "hasPart", t)
	if _, known := b.entities[b.step(n)]; !known {
		list, _ := b.entities[b.main]["step"].([]ref)
		s := b.add(Entity{"@id": b.step(n), "@type": "HowToStep", "name": n.Stage(), "position": strconv.Itoa(len(list) + 1), "workExample": t})
		if n.Pos != "" {
			b.entities[s.ID]["description"] = "written at " + n.Pos
		}
		b.link(b.main, "step", s)
	}
}

// action describes what a node did: by which tool, with which values, from what and to what, and the step's control of it.
func (b *builder) action(n *record.Node) {
	id := local("action", n.ID)
	start, end := n.Started, n.Started.Add(n.Took)
	about := "ran: " + n.Why
	if n.Why == "" {
		about = "ran"
	}
	if n.State == "fresh" {
		about = "did not run: its outputs were found in the store, and the times are those of when they were made"
		if m := n.Made; m != nil && !m.At.IsZero() {
			start, end = m.At, m.At.Add(m.Took)
			if m.Belay != "" {
				about += ", by belay " + m.Belay
			}
		}
	}
	if n.Started.IsZero() && n.State != "fresh" {
		end = n.Started
	}
	a := b.act(id, "Stage "+n.ID, start, end, n.State, n.Error)
	a["instrument"] = ref{tool(n)}
	a["description"] = "belay stage " + n.ID + " " + about
	if n.Key != "" {
		a["identifier"] = "belay key " + n.Key
	}
	b.values(n, id)
	for _, in := range n.Inputs {
		data := b.input(in)
		p := b.add(Entity{"@id": parameter(n, "in", top(in.Param)), "@type": "FormalParameter", "name": top(in.Param), "additionalType": b.kindOf(data), "conformsTo": ref{parameterType}})
		b.link(tool(n), "input", p)
		b.example(data, p)
		b.link(id, "object", data)
		b.connect(n, in, p)
	}
	for _, o := range n.Outputs {
		data := b.output(n, o)
		p := b.add(Entity{"@id": parameter(n, "out", o.Port), "@type": "FormalParameter", "name": o.Port, "additionalType": b.kindOf(data), "conformsTo": ref{parameterType}})
		if o.Kind != "" {
			b.entities[p.ID]["description"] = "artifact kind " + o.Kind
		}
		b.link(tool(n), "output", p)
		b.example(data, p)
		b.link(id, "result", data)
	}
	for _, m := range slices.Sorted(maps.Keys(n.Headline)) {
		p := b.add(Entity{"@id": parameter(n, "result", m), "@type": "FormalParameter", "name": m, "additionalType": "Float", "conformsTo": ref{parameterType}})
		b.link(tool(n), "output", p)
		b.link(id, "result", b.value(local("result", n.ID, m), m, strconv.FormatFloat(float64(n.Headline[m]), 'g', -1, 64), p))
	}
	b.add(Entity{"@id": local("control", n.ID), "@type": "ControlAction", "name": "Run stage " + n.ID, "instrument": ref{b.step(n)}, "object": ref{id}})
}

// values are the parameters that somebody wrote; what is an input stands as data.
func (b *builder) values(n *record.Node, action string) {
	inputs := map[string]bool{}
	for _, in := range n.Inputs {
		inputs[top(in.Param)] = true
	}
	kind, version := export.Tool(n)
	for _, v := range n.Params {
		if v.Origin == "" || inputs[v.Name] {
			continue
		}
		p := b.add(Entity{"@id": parameter(n, "in", v.Name), "@type": "FormalParameter", "name": v.Name, "additionalType": dataType(v.Value), "conformsTo": ref{parameterType}})
		b.link(tool(n), "input", p)
		// Equal values of instances are one entity.
		b.link(action, "object", b.value(local("value", kind+version, v.Name, string(artifact.HashText(v.Value))[:16]), v.Name, v.Value, p))
	}
}

// example ties data to the parameter that it was given for.
func (b *builder) example(data, p ref) {
	b.link(data.ID, "exampleOfWork", p)
	b.link(p.ID, "workExample", data)
}

// connect tells that an input is another stage's output.
func (b *builder) connect(n *record.Node, in record.Input, target ref) {
	up := b.src.Run.Node(in.Node)
	if in.Node == "" || up == nil || !b.ran(up) {
		return
	}
	source := parameter(up, "out", in.Port)
	if _, ok := b.entities[source]; !ok {
		return
	}
	c := b.add(Entity{
		"@id": local("connection", up.Stage(), in.Port, n.Stage(), top(in.Param)), "@type": "ParameterConnection",
		"sourceParameter": ref{source}, "targetParameter": target,
	})
	b.link(b.main, "connection", c)
	b.link(b.step(n), "connection", c)
}

// kindOf is the type of data that a parameter takes.
func (b *builder) kindOf(data ref) string {
	if b.entities[data.ID]["@type"] == "Dataset" {
		return "Dataset"
	}
	return "File"
}

// input describes what a node reads: another node's output, or a source.
func (b *builder) input(in record.Input) ref {
	if id, ok := b.made[in.Node+"."+in.Port]; ok && in.Node != "" && in.Sub == "" {
		return ref{id}
	}
	e := Entity{"@id": byDigest(in.Digest, in.Label), "@type": "Dataset", "name": in.Label}
	switch {
	case in.Digest == "":
		e["description"] = "An input that was not digested."
	case b.src.IsFile(in):
		e["@type"], e["sha256"], e["encodingFormat"] = "File", in.Digest, format(in.Label)
	default:
		e["identifier"] = "belay tree digest " + in.Digest
	}
	if in.Node != "" && in.Sub != "" {
		e["description"] = fmt.Sprintf("%s of output %s of stage %s", in.Sub, in.Port, in.Node)
	}
	r := b.add(e)
	b.part(r.ID)
	return r
}

// part puts data into the crate's list of parts. RO-Crate wants that of files and folders, wherever they lie.
func (b *builder) part(id string) { b.link("./", "hasPart", ref{id}) }

// output describes a port: one entity a digest, copied or referred to.
func (b *builder) output(n *record.Node, o record.Output) ref {
	content, known := b.src.Content(o)
	copying := b.opt.Outputs && known
	id := byDigest(o.Digest, n.ID+"."+o.Port)
	base := path.Join(OutputsDir, fileName(n.ID), fileName(o.Port))
	if copying {
		id = base
		if content.Dir {
			id += "/"
		} else {
			id = base + path.Ext(content.Root)
		}
		id = (&url.URL{Path: id}).EscapedPath()
	}
	b.made[n.ID+"."+o.Port] = id
	if _, ok := b.entities[id]; ok {
		return ref{id}
	}
	e := Entity{"@id": id, "@type": "Dataset", "name": n.ID + "." + o.Port, "contentSize": strconv.FormatInt(o.Size, 10)}
	if o.Kind != "" {
		e["additionalType"] = "belay artifact kind " + o.Kind
	}
	switch {
	case known && !content.Dir:
		e["@type"], e["sha256"] = "File", o.Digest
		e["encodingFormat"] = format(filepath.Base(content.Root))
		if copying {
			b.files = append(b.files, file{name: base + path.Ext(content.Root), from: content.Root})
		}
	default:
		e["identifier"] = "belay tree digest " + o.Digest
		e["description"] = fmt.Sprintf("%d files of %d bytes", o.Files, o.Size)
	}
	r := b.add(e)
	b.part(r.ID)
	if known && content.Dir {
		b.listed(r, base, content, copying)
	}
	return r
}

// listed describes the files of a folder, and copies them.
func (b *builder) listed(dir ref, base string, content export.Content, copying bool) {
	n := 0
	for _, f := range content.Files {
		if f.Mode != artifact.Regular && f.Mode != artifact.Executable {
			continue
		}
		n++
		id := byDigest(string(f.Digest), f.Path)
		if copying {
			b.files = append(b.files, file{name: path.Join(base, f.Path), from: filepath.Join(content.Root, filepath.FromSlash(f.Path))})
			id = (&url.URL{Path: path.Join(base, f.Path)}).EscapedPath()
		}
		if n > MaxListed {
			continue
		}
		r := b.add(Entity{
			"@id": id, "@type": "File", "name": f.Path, "contentSize": strconv.FormatInt(f.Size, 10),
			"sha256": string(f.Digest), "encodingFormat": format(f.Path),
		})
		b.link(dir.ID, "hasPart", r)
	}
	if n > MaxListed {
		b.entities[dir.ID]["description"] = fmt.Sprintf("%d files, of which %d are listed", n, MaxListed)
	}
}

// byDigest names data by its content (RFC 6920), or by its name where the content is not known.
func byDigest(digest, name string) string {
	raw, err := hex.DecodeString(digest)
	if err != nil || len(raw) == 0 {
		return local("data", name)
	}
	return "ni:///sha-256;" + base64.RawURLEncoding.EncodeToString(raw)
}

// fileName is a node's or port's name as a folder: readable, safe on any file system, and unlike any other's.
func fileName(s string) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
			return '_'
		}
		return r
	}, s)
	if name != s || strings.HasPrefix(name, ".") || len(name) > 100 {
		name = strings.ToValidUTF8(name[:min(len(name), 100)], "") + "-" + string(artifact.HashText(s))[:8]
	}
	return name
}

// format is a file's media type, by its name.
func format(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".safetensors", ".bin", ".idx", ".pt":
		return "application/octet-stream"
	case ".jsonl":
		return "application/jsonl"
	case ".yaml", ".yml":
		return "application/yaml"
	case ".json":
		return "application/json"
	case ".csv":
		return "text/csv"
	case ".txt", ".log", ".md":
		return "text/plain"
	}
	return "application/octet-stream"
}
