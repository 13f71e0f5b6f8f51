package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/param"
)

// Name is the file's name.
const Name = "belay.yaml"

// File is what a workspace file says.
type File struct {
	Belay     int               `yaml:"belay" default:"1" min:"1" max:"1" doc:"language version"`
	Remote    Remote            `yaml:"remote" doc:"where a team shares results"`
	Secrets   map[string]Secret `yaml:"secrets" doc:"where secrets come from; one that is not named comes from the environment variable of its name"`
	Hooks     []Hook            `yaml:"hooks" doc:"who is told about runs"`
	GC        GC                `yaml:"gc" doc:"what belay cache gc keeps"`
	Resources Resources         `yaml:"resources" doc:"what this machine has to hand out"`

	// Dir is the folder that the file lies in, or would.
	Dir string `yaml:"-"`
}

// Remote is where results are shared. An empty URL is no remote.
type Remote struct {
	URL       string `yaml:"url" doc:"file:///folder, sftp://user@host/folder (?identity=FILE names a key), s3://bucket/prefix, http://host/prefix or https://host/prefix"`
	Push      bool   `yaml:"push" default:"true" doc:"share results after a stage succeeded"`
	Pull      bool   `yaml:"pull" default:"true" doc:"look for a result before computing it"`
	Endpoint  string `yaml:"endpoint" doc:"address of an S3 server that is not Amazon's: http://127.0.0.1:7070"`
	Region    string `yaml:"region" default:"us-east-1" doc:"S3 region"`
	AccessKey string `yaml:"access_key" default:"AWS_ACCESS_KEY_ID" doc:"secret that holds the S3 access key"`
	SecretKey string `yaml:"secret_key" default:"AWS_SECRET_ACCESS_KEY" doc:"secret that holds the S3 secret key"`
	Session   string `yaml:"session_token" doc:"secret that holds the S3 session token"`
	Token     string `yaml:"token" doc:"secret that is sent as a bearer token over HTTP"`
	Parallel  int    `yaml:"parallel" default:"8" min:"1" max:"64" doc:"transfers at a time"`
}

// Secret says where a secret comes from: one of its fields.
type Secret struct {
	Env     string `yaml:"env" doc:"environment variable"`
	File    string `yaml:"file" doc:"file that holds the value; a line break at its end does not count"`
	Command string `yaml:"command" doc:"command line for sh -c that prints the value"`
	Keyed   bool   `yaml:"keyed" doc:"another value makes what uses the secret stale: keys hold a digest of it, salted with .belay/salt of this workspace"`
}

// Hook is told about the ends of runs: a command or a web address.
type Hook struct {
	On      []string `yaml:"on" enum:"done,failed,cancelled" doc:"ends of runs that it is told of; all when empty"`
	Run     string   `yaml:"run" doc:"command line for sh -c; it gets the run as JSON on its standard input"`
	Webhook string   `yaml:"webhook" doc:"web address that the run is posted to as JSON"`
	Header  string   `yaml:"header" doc:"a header line for the webhook, with secrets as ${secret.NAME}"`
	Timeout string   `yaml:"timeout" default:"10s" doc:"how long it may take"`
}

// GC is what belay cache gc keeps besides what pins and named recipes reach.
type GC struct {
	Days    int    `yaml:"days" default:"30" min:"0" doc:"results used within this many days are kept"`
	MaxSize string `yaml:"max_size" doc:"the oldest results beyond this size go too: 500GB"`
}

// Resources are the tokens that stages take. Zero means what the machine has.
type Resources struct {
	CPU    int    `yaml:"cpu" min:"0" doc:"cores"`
	Memory string `yaml:"memory" doc:"memory that stages may claim together: 20GiB"`
	NPU    int    `yaml:"npu" min:"0" doc:"NPU devices"`
	Net    int    `yaml:"net" default:"4" min:"1" doc:"stages that may use the network at once"`
}

// secretName is what expressions can name: ${secret.TOKEN}.
var secretName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Schema describes the file, for checks and JSON Schemas.
func Schema() (param.Schema, error) { return param.Of(File{}) }

// Load reads the workspace file of a folder. A folder without one has the defaults. The file is nil when there are
// errors.
func Load(dir string) (*File, diag.List) {
	var l diag.List
	path := filepath.Join(dir, Name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = nil
	} else if err != nil {
		at := pos.NewFile(Name, path, dir, "")
		l.Errorf(pos.Span{Start: pos.Pos{File: at}, End: pos.Pos{File: at}}, "", "read workspace file: %v", err)
		return nil, l
	}
	return Parse(dir, string(text))
}

// Parse reads the text of the workspace file of a folder.
func Parse(dir, text string) (*File, diag.List) {
	var l diag.List
	out := &File{Dir: dir}
	f := pos.NewFile(Name, filepath.Join(dir, Name), dir, text)
	root := ast.MapOf(pos.Of(f, 0, 0))
	if strings.TrimSpace(f.Text) != "" {
		n, diags := ast.Parse(f)
		l.Add(diags...)
		switch {
		case n == nil || diags.HasErrors():
			return nil, l
		case n.Kind == ast.Map:
			root = n
		case n.Kind != ast.Null:
			l.Errorf(n.Span, "write remote: {url: ...}, or leave the file empty", "a workspace file is a map, have %s", n.Kind)
			return nil, l
		}
	}
	values := out.decode(root, &l)
	if l.HasErrors() {
		return nil, l
	}
	if err := param.Decode(values, out); err != nil {
		l.Errorf(root.Span, "", "read workspace file: %v", err)
		return nil, l
	}
	if out.checkHooks(root, &l); l.HasErrors() {
		return nil, l
	}
	return out, l
}

// decode checks a file's values.
func (*File) decode(root *ast.Node, l *diag.List) map[string]any {
	schema, err := Schema()
	if err != nil {
		panic(fmt.Sprintf("workspace: %v", err)) // a programming error, found by every test
	}
	given, _ := root.Value().(map[string]any)
	values, problems := schema.Normalize(given)
	for _, p := range problems {
		l.Add(check.Place(p, root, root.Span, "the workspace file"))
	}
	if len(problems) == 0 {
		secrets(root, l)
		sizes(root, l)
		checkRemote(root, l)
	}
	return values
}

// secrets checks that each secret comes from one place.
func secrets(root *ast.Node, l *diag.List) {
	p := root.Find("secrets")
	if p == nil {
		return
	}
	for _, s := range p.Value.Pairs {
		var from []string
		for _, f := range s.Value.Pairs {
			if f.Value.Kind == ast.Text && f.Value.Text != "" {
				from = append(from, f.Key.Text)
			}
		}
		switch name := s.Key.Text; {
		case !secretName.MatchString(name):
			l.Errorf(s.Key.Span, "use letters, digits and _", "bad secret name %q", name)
		case len(from) == 0:
			l.Errorf(s.Key.Span, fmt.Sprintf("write %s: {env: VARIABLE}, {file: PATH} or {command: LINE}", name), "secret %s does not say where it comes from", name)
		case len(from) > 1:
			l.Errorf(s.Key.Span, "keep one of them", "secret %s comes from %s", name, strings.Join(from, " and "))
		}
	}
}

// sizes checks the values that are sizes.
func sizes(root *ast.Node, l *diag.List) {
	for _, path := range [][]string{{"resources", "memory"}, {"gc", "max_size"}} {
		at, _, rest := root.Follow(path)
		if len(rest) > 0 || at.Kind != ast.Text || at.Text == "" {
			continue
		}
		if _, err := param.Bytes(at.Text); err != nil {
			l.Errorf(at.Span, "", "%s: %v", strings.Join(path, "."), err)
		}
	}
}
