package sftp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinesOfSettingsAreCutAsSSHCutsThem(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"":                        nil,
		"  # all":                 nil,
		"Port 22":                 {"Port", "22"},
		"\tport=22 # x":           {"port", "22"},
		"Port = 22":               {"Port", "22"},
		`IdentityFile "a b" c#d`:  {"IdentityFile", "a b", "c#d"},
		"ProxyCommand nc -o a=b":  {"ProxyCommand", "nc", "-o", "a=b"},
		`User ""`:                 {"User", ""},
		"Host a  !b\tc":           {"Host", "a", "!b", "c"},
		"Match host=x":            {"Match", "host=x"},
		"UserKnownHostsFile a  b": {"UserKnownHostsFile", "a", "b"},
	} {
		got, err := split(line)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%q: %v\n%s", line, err, d)
		}
	}
}

func TestBlocksAreOnForTheirHosts(t *testing.T) {
	t.Parallel()
	for block, want := range map[string]bool{
		"Host *":                        true,
		"Host team":                     true,
		"Host TEAM":                     true,
		"Host tea? other":               true,
		"Host tea?? other":              false,
		"Host * !team":                  false,
		"Host [a-z]eam":                 false,
		"Host":                          false,
		"Match all":                     true,
		"Match final all":               false,
		"Match !final all":              true,
		"Match exec true":               false,
		"Match !exec true":              false,
		"Match host a,te*":              true,
		"Match host te* user root":      false,
		"Match host te* user me,root":   true,
		"Match !user me":                false,
		"Match localuser here !host x*": true,
		"Match originalhost x":          false,
		"Match tagged x host team":      false,
	} {
		s := settings{alias: "team", user: "me", local: "here", values: map[string][][]string{}}
		if err := s.parse([]byte(block+"\nPort 1\n"), "config", "/", 0); err != nil {
			t.Errorf("%s: %v", block, err)
		}
		if got := s.first("port") == "1"; got != want {
			t.Errorf("%s: on is %v, want %v", block, got, want)
		}
	}
}

func FuzzSettings(f *testing.F) {
	for _, seed := range []string{"Host a\nPort 1", "Match host a,!b user c\n User x", "Include /dev/null", "IdentityFile \"a b\"", "Match exec x\n=", "a=\nHost [\\"} {
		f.Add(seed, "a")
	}
	f.Fuzz(func(t *testing.T, text, alias string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // of files that are there
		}
		s := settings{alias: alias, values: map[string][][]string{}}
		if err := s.parse([]byte(text), "config", "/", 0); err != nil {
			return
		}
		for keyword, values := range s.values {
			if _, known := keywords[keyword]; !known || len(values) == 0 || len(values[0]) == 0 {
				t.Fatalf("%s has %v", keyword, values)
			}
		}
	})
}
