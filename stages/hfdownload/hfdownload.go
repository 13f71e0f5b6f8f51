package hfdownload

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/hfdownload/hub"
)

// DefaultEndpoint is asked when neither mirror, endpoint nor HF_ENDPOINT names another hub.
const DefaultEndpoint = "https://huggingface.co"

// Exit codes of the network band.
const (
	codeConnection = fault.Network     // no answer, or it broke off too often
	codeReply      = fault.Network + 1 // an answer that cannot be right
	codeNotFound   = fault.Network + 2
	codeRefused    = fault.Network + 3 // 401, 403
	codeRate       = fault.Network + 4
	codeServer     = fault.Network + 5 // 5xx
	codeStalled    = fault.Network + 6
)

// Params are the stage's parameters.
type Params struct {
	Repo           string       `yaml:"repo" alias:"repo_id" required:"true" doc:"repository on the hub: ORG/NAME"`
	RepoType       string       `yaml:"repo_type" default:"model" enum:"model,dataset" doc:"what the repository holds"`
	Revision       string       `yaml:"revision" default:"main" doc:"branch, tag or commit; a commit is the only one that never moves"`
	AllowPatterns  []string     `yaml:"allow_patterns" doc:"take only files that match one of these; * also matches /"`
	IgnorePatterns []string     `yaml:"ignore_patterns" doc:"leave out files that match one of these"`
	Endpoint       string       `yaml:"endpoint" doc:"URL of the hub; HF_ENDPOINT or https://huggingface.co when empty; file:///FOLDER serves a folder"`
	Mirror         artifact.Ref `yaml:"mirror" kind:"files,dir" doc:"folder laid out as models/ORG/NAME/... and datasets/ORG/NAME/..., used in place of a hub"`
	MaxWorkers     int          `yaml:"max_workers" default:"8" min:"1" max:"64" key:"no" doc:"files downloaded side by side"`
	MaxRetries     int          `yaml:"max_retries" default:"6" min:"0" max:"100" key:"no" doc:"attempts after a failure without progress"`
	StallTimeout   float64      `yaml:"stall_timeout" default:"30" min:"0.1" key:"no" doc:"seconds without a byte before a connection is given up"`
}

// Stage downloads a repository. Its fields replace the network in tests; the zero value is the
// real thing.
type Stage struct {
	// Dial opens connections; nil uses the network and the proxy settings of the environment.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Describe says what the stage takes and makes.
func (Stage) Describe() engine.Spec {
	return engine.Spec{
		Name:    "hf-download",
		Version: 1,
		Doc:     "Download a model or data repository from a Hugging Face hub, or from a folder laid out like one, check every file's digest and pin the commit.",
		Params:  Params{},
		Outputs: []artifact.Port{
			{Name: "model", Kind: artifact.HFModel, Path: ".", Doc: "the repository as a model directory"},
			{Name: "tokenizer", Kind: artifact.Tokenizer, Path: ".", Doc: "the repository as a tokenizer directory"},
			{Name: "files", Kind: artifact.Files, Path: ".", Doc: "the repository's files"},
		},
		Env: []engine.EnvVar{
			{Name: "HF_ENDPOINT", Keyed: true},
			{Name: "HF_TOKEN", Secret: true},
			{Name: "HF_HUB_OFFLINE"},
			{Name: "HTTPS_PROXY"}, {Name: "HTTP_PROXY"}, {Name: "NO_PROXY"},
		},
		Resumable: true,
		Resources: engine.Resources{CPU: 1, Net: true},
	}
}

// Run resolves the revision, lists the tree, fetches what the patterns select and lays it out.
func (s Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	return s.guarded(in, func(p *Params, token string, in engine.In) error { return s.run(ctx, p, token, in, out) })
}

// guarded calls do with the parameters and the token, and keeps the token out of what it says.
func (Stage) guarded(in engine.In, do func(p *Params, token string, in engine.In) error) error {
	p, ok := in.Params.(*Params)
	if !ok {
		return fault.New(fault.Internal, "run hf-download: parameters are %T", in.Params)
	}
	token := strings.TrimSpace(in.Env["HF_TOKEN"])
	secret := redactor(token)
	in.Events.Sink = secret.sink(in.Events.Sink)
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fault.New(fault.Usage, "read HF_TOKEN: it holds a character that no token has").
			WithHint("set HF_TOKEN to the token alone, without quotes or line breaks")
	}
	return secret.err(do(p, token, in))
}

func (s Stage) run(ctx context.Context, p *Params, token string, in engine.In, out engine.Out) error {
	repo, err := parseRepo(p.RepoType, p.Repo)
	if err != nil {
		return err
	}
	src, err := s.source(p, in)
	if err != nil {
		return err
	}
	defer src.close()
	if src.note != "" {
		in.Events.Warn(src.note, nil)
	}
	c := newClient(src, token, p, in.Events)
	defer c.http.CloseIdleConnections()

	commit, err := c.commit(ctx, repo, p.Revision)
	if err != nil {
		return err
	}
	in.Events.Info(fmt.Sprintf("%s at %s is commit %s", repo, p.Revision, commit), nil)
	entries, err := c.tree(ctx, repo, commit)
	if err != nil {
		return err
	}
	picked, err := pick(entries, p.AllowPatterns, p.IgnorePatterns)
	if err != nil {
		return fmt.Errorf("select files of %s: %w", repo, err)
	}
	f := &fetcher{client: c, repo: repo, commit: commit, work: in.Work, events: in.Events, workers: p.MaxWorkers}
	if err := f.all(ctx, picked); err != nil {
		return err
	}
	if err := f.layOut(out.Path("files"), picked); err != nil {
		return err
	}
	out.Note("commit", commit)
	out.Note("repo", p.Repo)
	out.Note("repo_type", repo.Type)
	out.Note("revision", p.Revision)
	out.Note("files", len(picked))
	out.Note("bytes", f.total)
	return nil
}

// source is where a run's requests go.
type source struct {
	base  *url.URL
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	proxy func(*http.Request) (*url.URL, error)
	close func()
	note  string // what a person should know about this source
}

// source decides between mirror, endpoint, HF_ENDPOINT and the default, and starts a hub over a folder.
func (s Stage) source(p *Params, in engine.In) (*source, error) {
	endpoint, from := p.Endpoint, "parameter endpoint"
	switch {
	case p.Mirror.Given() && endpoint != "":
		return nil, fault.New(fault.Recipe, "choose a hub: endpoint and mirror are both given").
			WithHint("keep mirror for a folder, or endpoint for a URL")
	case p.Mirror.Given():
		return serveFolder(p.Mirror.Path, "")
	case endpoint == "" && in.Env["HF_ENDPOINT"] != "":
		endpoint, from = in.Env["HF_ENDPOINT"], "environment variable HF_ENDPOINT"
	case endpoint == "":
		endpoint = DefaultEndpoint
	}
	if dir, isFile := folderOf(endpoint); isFile {
		if !filepath.IsAbs(dir) {
			return nil, fault.New(fault.Recipe, "open %s %q: a folder must be given by its absolute path here", from, endpoint).
				WithHint("use the parameter mirror: its path is relative to the recipe, and its content is digested")
		}
		return serveFolder(dir, "the content of "+dir+" is not part of the cache key: use the parameter mirror to have changes seen")
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, fault.New(fault.Recipe, "read %s: not a URL of a hub", from).
			WithHint("write it like %s", DefaultEndpoint)
	case u.User != nil:
		return nil, fault.New(fault.Recipe, "read %s: a URL with a user name or password in it ends up in keys and reports", from).
			WithHint("give the token in the environment variable HF_TOKEN")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fault.New(fault.Recipe, "read %s: a hub's URL has no query and no fragment", from)
	}
	if offline(in.Env) {
		return nil, fault.New(codeConnection, "ask the hub: HF_HUB_OFFLINE forbids it").
			WithHint("what is downloaded already is found in the store under belay.lock's commit: check that the recipe and belay.lock are those of the machine that has it")
	}
	src := &source{base: u, dial: s.Dial, close: func() {}}
	if s.Dial == nil {
		src.dial = (&net.Dialer{Timeout: 20 * time.Second}).DialContext
		src.proxy = http.ProxyFromEnvironment // the variables are declared in Describe
	}
	return src, nil
}

// folderOf recognises file: URLs and plain paths among endpoints.
func folderOf(endpoint string) (string, bool) {
	if rest, ok := strings.CutPrefix(endpoint, "file:"); ok {
		rest = strings.TrimPrefix(rest, "//")
		if path, err := url.PathUnescape(rest); err == nil {
			rest = path
		}
		return rest, true
	}
	return endpoint, !strings.Contains(endpoint, "://")
}

// serveFolder starts a hub over dir on connections inside this process: no port is opened.
func serveFolder(dir, note string) (*source, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.New(fault.Data, "open mirror: %w", err)
	}
	l := newPipes()
	srv := &http.Server{Handler: hub.Serve(root.FS()), ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with ErrServerClosed by the close below
	}()
	stop := func() {
		_ = srv.Close()
		<-done
		_ = root.Close()
	}
	return &source{base: &url.URL{Scheme: "http", Host: "mirror"}, dial: l.dial, close: stop, note: note}, nil
}
