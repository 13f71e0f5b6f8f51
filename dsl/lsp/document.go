package lsp

import (
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

// document is a text that the client has open.
type document struct {
	version int
	*source // its path is "" when it is no file, such as a new one without a name
}

// apply makes the changes of one notification, in their order.
func (d *document) apply(changes []change, inBytes bool) {
	for _, c := range changes {
		text := c.Text
		if c.Range != nil {
			from := d.lines.offset(c.Range.Start)
			to := max(from, d.lines.offset(c.Range.End))
			text = d.text[:from] + c.Text + d.text[to:]
		}
		declared := d.declared
		d.source = newSource(d.uri, d.path, text, inBytes)
		d.declared = declared
	}
}

// pathOf is the file that a URI names, "" when it names none.
func pathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" || u.Host != "" && u.Host != "localhost" {
		return ""
	}
	p := u.Path
	if runtime.GOOS == "windows" {
		p = strings.TrimPrefix(p, "/")
	}
	if p = filepath.FromSlash(p); !filepath.IsAbs(p) {
		return ""
	}
	return filepath.Clean(p)
}

// uriOf names a file.
func uriOf(path string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return (&url.URL{Scheme: "file", Path: p}).String()
}
