package show

import (
	"html/template"
	"io"
)

const page = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>belay render</title><style>
body{font:14px/1.5 ui-monospace,monospace;margin:2em;max-width:110ch}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #8884;padding:1em}
.l{background:#2a72;outline:1px solid #2a7}.s{color:#a50;font-weight:bold}
details pre{border:0;padding:0}
@media(prefers-color-scheme:dark){body{background:#151515;color:#ddd}.s{color:#fa6}}
</style></head><body>
{{- range .}}
<h3>{{with .Name}}{{.}}: {{end}}{{len .IDs}} tokens, {{.Learned}} learned</h3>
<pre>{{range .Pieces}}<span class="{{if .Learned}}l {{end}}{{if .Special}}s{{end}}" title="{{range .IDs}}{{.}} {{end}}">{{.Text}}</span>{{end}}</pre>
<details><summary>ids</summary><pre>{{range .Pieces}}{{$p := .}}{{range .Tokens}}<span class="{{if $p.Learned}}l {{end}}{{if $p.Special}}s{{end}}">{{.ID}} {{printf "%q" .Text}}</span>
{{end}}{{end}}</pre></details>
{{- end}}
</body></html>
`

// WriteHTML writes samples as a page of its own, which needs no other file.
func WriteHTML(w io.Writer, samples []Sample) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return err
	}
	list := make([]*Sample, len(samples))
	for i := range samples {
		list[i] = &samples[i]
	}
	return t.Execute(w, list)
}
