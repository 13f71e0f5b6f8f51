package workspace

import (
	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/remote"
)

// kindOf says which settings belong to which kind of remote.
var kindOf = map[string]string{
	"endpoint": "s3", "region": "s3", "access_key": "s3", "secret_key": "s3", "session_token": "s3", "token": "http",
}

// unseen is a place whose line is not shown: it may hold a password, and messages go into the logs of CI.
func unseen(s pos.Span) pos.Span {
	f := s.Start.File
	s.Start.File = pos.NewFile(f.Name, f.Path, f.Dir, "")
	s.End.File = s.Start.File
	return s
}

// checkRemote checks what the schema cannot: that the address is one, and that no setting is for another kind of
// remote, where nobody would look at it.
func checkRemote(root *ast.Node, l *diag.List) {
	r := root.Find("remote")
	if r == nil || r.Value.Kind != ast.Map {
		return
	}
	u := r.Value.Find("url")
	if u == nil || u.Value.Text == "" {
		if len(r.Value.Pairs) > 0 {
			l.Errorf(r.Key.Span, "write url: file:///folder, or leave remote out", "the remote has settings and no url")
		}
		return
	}
	a, err := remote.ParseAddress(u.Value.Text)
	if err != nil {
		l.Errorf(unseen(u.Value.Span), "", "address of the remote: %v", err)
		return
	}
	kind := "file"
	switch {
	case a.Bucket != "":
		kind = "s3"
	case a.Web != nil:
		kind = "http"
	case a.SSH != nil:
		kind = "sftp"
	}
	for _, p := range r.Value.Pairs {
		if want := kindOf[p.Key.Text]; want != "" && want != kind {
			l.Errorf(p.Key.Span, "leave it out", "%s is for an %s remote, this is %s", p.Key.Text, want, u.Value.Text)
		}
	}
}
