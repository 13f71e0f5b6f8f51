package remote_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/remote"
)

func TestAddressesOfOtherMachinesAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]remote.SSH{
		"sftp://me@host:2222/data/belay/":   {User: "me", Host: "host", Port: "2222", Path: "/data/belay"},
		"ssh://team/~/belay":                {Host: "team", Path: "belay"},
		"sftp://[::1]:22/x?identity=~/.k":   {Host: "::1", Port: "22", Path: "/x", Identity: "~/.k"},
		"sftp://a@h/x%20y?identity=/k%2Bey": {User: "a", Host: "h", Path: "/x y", Identity: "/k+ey"},
	} {
		a, err := remote.ParseAddress(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d := cmp.Diff(&want, a.SSH); d != "" {
			t.Errorf("%s:\n%s", text, d)
		}
		again, err := remote.ParseAddress(a.SSH.String())
		want.Identity = ""
		if d := cmp.Diff(&want, again.SSH); d != "" || err != nil {
			t.Errorf("%s, written %s and read again: %v\n%s", text, a.SSH, err, d)
		}
	}
	for text, want := range map[string]string{
		"sftp://me:hunter2@h/x":   "no password",
		"sftp://h":                "no folder",
		"sftp://h/":               "no folder",
		"sftp://h/~/":             "no folder",
		"sftp:///x":               "no host",
		"sftp://-oProxy/x":        "no host",
		"sftp://h:0/x":            "no port",
		"sftp://h:99999/x":        "no port",
		"sftp://-l@h/x":           "no name of a user",
		"sftp://h/a/../../x":      "no .. in it",
		"sftp://h/x?key=y":        "only ?identity=FILE",
		"sftp://h/x#y":            "only ?identity=FILE",
		"sftp://h/x?identity=key": "write /folder/file",
	} {
		if _, err := remote.ParseAddress(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
