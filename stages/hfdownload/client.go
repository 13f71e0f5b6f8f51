package hfdownload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

const (
	userAgent    = "belay/1; hf-download"
	maxRedirects = 10
)

// client speaks to one hub.
type client struct {
	http    *http.Client
	base    *url.URL
	token   string
	retries int
	stall   time.Duration
	events  event.Stage
}

func newClient(src *source, token string, p *Params, events event.Stage) *client {
	workers := max(p.MaxWorkers, 1)
	return &client{
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:         src.dial,
				Proxy:               src.proxy,
				DisableCompression:  true, // lengths and ranges are of the file's own bytes
				MaxIdleConnsPerHost: workers,
				ForceAttemptHTTP2:   true,
			},
			// Redirects are followed by get, which decides about the token at every hop.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		base: src.base, token: token, retries: p.MaxRetries,
		stall: time.Duration(p.StallTimeout * float64(time.Second)), events: events,
	}
}

// commit resolves a revision.
func (c *client) commit(ctx context.Context, r repo, revision string) (string, error) {
	if revision == "" || revision == "." || revision == ".." || len(revision) > 250 || foreign(revision) != revision {
		return "", fault.New(fault.Recipe, "read revision %q: not the name of a branch, tag or commit", revision)
	}
	body, _, err := c.json(ctx, r, "revision "+revision, r.api(c.base, "revision", revision))
	if err != nil {
		return "", err
	}
	commit, err := parseRevision(body)
	if err != nil {
		return "", c.badReply(r.api(c.base, "revision", revision), err)
	}
	if isHex(revision, 40) && commit != revision {
		return "", fault.New(codeReply, "resolve revision %s: the hub answers with commit %s", revision, commit)
	}
	return commit, nil
}

// tree lists all files of a commit.
func (c *client) tree(ctx context.Context, r repo, commit string) ([]entry, error) {
	u := r.api(c.base, "tree", commit)
	u.RawQuery = "recursive=true&expand=false"
	var all []entry
	seen := map[string]bool{}
	for range maxPages {
		if seen[u.RawQuery] {
			return nil, fault.New(codeReply, "list %s: the hub's pages run in a circle", r)
		}
		seen[u.RawQuery] = true
		body, header, err := c.json(ctx, r, "file list", u)
		if err != nil {
			return nil, err
		}
		page, err := parseTree(body)
		if err != nil {
			return nil, c.badReply(u, err)
		}
		if all = append(all, page...); len(all) > maxEntries {
			return nil, fault.New(codeReply, "list %s: more than %d files", r, maxEntries)
		}
		next := parseNext(header.Values("Link"))
		if next == "" {
			return all, nil
		}
		v := *u
		v.RawQuery = next
		u = &v
	}
	return nil, fault.New(codeReply, "list %s: more than %d pages", r, maxPages)
}

func (c *client) badReply(u *url.URL, err error) error {
	return fault.New(codeReply, "read reply of %s: %w", place(u), err).
		WithHint("the endpoint may not be a hub, or a proxy may have answered in its place")
}

// json gets one API reply, trying again as needed. Truncated JSON counts as a broken connection.
func (c *client) json(ctx context.Context, r repo, what string, u *url.URL) ([]byte, http.Header, error) {
	var body []byte
	var header http.Header
	err := c.retry(ctx, what, func() (bool, error) {
		res, err := c.get(ctx, r, what, u, nil)
		if err != nil {
			return false, err
		}
		defer res.close()
		if res.StatusCode != http.StatusOK {
			return false, fault.New(codeReply, "get %s: unexpected status %s", place(u), foreign(res.Status))
		}
		switch body, err = readReply(res.body, maxReply); {
		case errors.Is(err, errLong):
			return false, c.badReply(u, err)
		case err != nil:
			return false, c.broken(u, err)
		}
		header = res.Header
		return false, nil
	})
	return body, header, err
}

// response is an answer whose body is watched for stalls.
type response struct {
	*http.Response
	first http.Header // of the hub itself, before any redirect
	body  io.Reader
	close func()
}

// get sends a request and follows its redirects. The token goes to the hub's own origin only. Any
// status that is no success is an error; whether to try again is in it.
func (c *client) get(ctx context.Context, r repo, what string, u *url.URL, header http.Header) (*response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := time.AfterFunc(c.stall, func() { cancel(errStalled) })
	end := func() { watch.Stop(); cancel(nil) }
	var first http.Header
	at := u
	for hop := 0; ; hop++ {
		res, err := c.send(ctx, at, header)
		if err != nil {
			if context.Cause(ctx) == errStalled {
				err = errStalled
			}
			end()
			return nil, c.broken(at, err)
		}
		watch.Reset(c.stall)
		if first == nil {
			first = res.Header
		}
		if !isRedirect(res.StatusCode) {
			if res.StatusCode/100 != 2 && res.StatusCode != http.StatusRequestedRangeNotSatisfiable {
				err := c.status(r, what, at, res)
				end()
				return nil, err
			}
			body := &watched{r: res.Body, ctx: ctx, watch: watch, stall: c.stall}
			return &response{Response: res, first: first, body: body, close: func() { end(); _ = res.Body.Close() }}, nil
		}
		_ = res.Body.Close()
		next, err := at.Parse(res.Header.Get("Location"))
		switch {
		case err != nil || res.Header.Get("Location") == "":
			err = fault.New(codeReply, "follow redirect of %s: no usable Location", place(at))
		case next.Scheme != "https" && next.Scheme != "http":
			err = fault.New(codeReply, "follow redirect of %s: to a %q address", place(at), foreign(next.Scheme))
		case at.Scheme == "https" && next.Scheme == "http":
			err = fault.New(codeReply, "follow redirect of %s: from https to http at %s", place(at), next.Host)
		case next.User != nil:
			err = fault.New(codeReply, "follow redirect of %s: to an address with a password", place(at))
		case hop >= maxRedirects:
			err = fault.New(codeReply, "follow redirect of %s: more than %d redirects", place(u), maxRedirects)
		}
		if err != nil {
			end()
			return nil, err
		}
		at = next
	}
}

// send makes one request.
func (c *client) send(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if c.token != "" && sameOrigin(u, c.base) {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.http.Do(req)
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// sameOrigin compares scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// status turns an answer that is no success into an error with advice. X-Error-Code and
// X-Error-Message are the hub's own words.
func (c *client) status(r repo, what string, u *url.URL, res *http.Response) error {
	defer res.Body.Close()
	said := foreign(res.Header.Get("X-Error-Message"))
	if said != "" {
		said = ": " + said
	}
	switch code, hub := res.StatusCode, res.Header.Get("X-Error-Code"); {
	case hub == "GatedRepo" || code == http.StatusForbidden:
		e := fault.New(codeRefused, "get %s of %s: access refused (%d)%s", what, r, code, said)
		return e.WithHint("accept the licence at %s, and set HF_TOKEN to a token of that account with read access", r.page(c.base))
	case code == http.StatusUnauthorized:
		e := fault.New(codeRefused, "get %s of %s: no such repository, or it is private (401)%s", what, r, said)
		if c.token == "" {
			return e.WithHint("check the name and repo_type; for a private repository set HF_TOKEN")
		}
		return e.WithHint("check the name and repo_type, and whether the token in HF_TOKEN is still valid")
	case hub == "RepoNotFound":
		return fault.New(codeNotFound, "get %s: the hub has no %s%s", what, r, said).
			WithHint("check the name, and repo_type: model or dataset")
	case hub == "RevisionNotFound":
		return fault.New(codeNotFound, "get %s of %s: no such revision%s", what, r, said).
			WithHint("see %s for branches and tags", r.page(c.base))
	case hub == "EntryNotFound":
		return fault.New(codeNotFound, "get %s of %s: no such file at this commit%s", what, r, said)
	case code == http.StatusNotFound || code == http.StatusGone:
		return fault.New(codeNotFound, "get %s of %s: %s answers %d%s", what, r, place(u), code, said).
			WithHint("check repo, repo_type, revision and endpoint")
	case code == http.StatusTooManyRequests:
		e := fault.New(codeRate, "get %s of %s: the hub asks to slow down (429)%s", what, r, said)
		e.Temporary, e.RetryAfter = true, retryAfter(res.Header.Get("Retry-After"), time.Now())
		return e.WithHint("lower max_workers, or set HF_TOKEN: known users have higher limits")
	case code >= 500 || code == http.StatusRequestTimeout:
		e := fault.New(codeServer, "get %s of %s: %s answers %d%s", what, r, place(u), code, said)
		e.Temporary, e.RetryAfter = true, retryAfter(res.Header.Get("Retry-After"), time.Now())
		return e
	default:
		return fault.New(codeReply, "get %s of %s: %s answers %d%s", what, r, place(u), code, said)
	}
}

var errStalled = errors.New("no byte for too long")

// broken is a failed or cut connection: worth another attempt unless the run is being cancelled.
func (c *client) broken(u *url.URL, err error) error {
	if errors.Is(err, errStalled) {
		e := fault.New(codeStalled, "get %s: no byte for %s", place(u), c.stall)
		e.Temporary = true
		return e.WithHint("raise stall_timeout if the network is that slow")
	}
	e := fault.New(codeConnection, "get %s: %w", place(u), cause(err))
	e.Temporary = true
	return e.WithHint("check the network and the proxy settings; set HF_ENDPOINT to use a mirror")
}

// watched is a body whose every byte puts off the stall.
type watched struct {
	r     io.Reader
	ctx   context.Context
	watch *time.Timer
	stall time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.watch.Reset(w.stall)
	}
	if err != nil && err != io.EOF && context.Cause(w.ctx) == errStalled {
		err = fmt.Errorf("%w", errStalled)
	}
	return n, err
}
