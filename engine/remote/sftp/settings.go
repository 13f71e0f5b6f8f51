package sftp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what is read as settings of ssh.
const (
	maxSettings = 1 << 20
	maxIncludes = 16 // deep, as ssh has it
	maxFiles    = 256
)

// keywords are those that a login needs, in lower case. All but the first value of one are left out, except of those
// that add up.
var keywords = map[string]bool{
	"hostname": false, "user": false, "port": false, "hostkeyalias": false, "identitiesonly": false, "identityagent": false,
	"proxyjump": false, "proxycommand": false, "userknownhostsfile": false, "globalknownhostsfile": false,
	"identityfile": true,
}

// settings are what files of ssh say about a host: by keyword, with the words that follow it.
type settings struct {
	alias, user, local string // as Match knows them; user is the one that the address names
	home               string

	values map[string][][]string
	files  int
}

// first is the first word of the first value of a keyword.
func (s *settings) first(keyword string) string {
	if v := s.values[keyword]; len(v) > 0 {
		return v[0][0]
	}
	return ""
}

// read takes a file of settings, which may be missing.
func (s *settings) read(file, below string, depth int) error {
	if s.files++; depth > maxIncludes || s.files > maxFiles {
		return fmt.Errorf("read %s: too many files are included", file)
	}
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read settings of ssh: %w", err)
	case len(text) > maxSettings:
		return fmt.Errorf("read %s: more than %d bytes", file, maxSettings)
	}
	return s.parse(text, file, below, depth)
}

// parse takes the text of a file. Relative includes lie in the folder below.
func (s *settings) parse(text []byte, file, below string, depth int) error {
	on := true
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxSettings+1)
	for n := 1; lines.Scan(); n++ {
		words, err := split(lines.Text())
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
		if len(words) == 0 {
			continue
		}
		keyword, words := strings.ToLower(words[0]), words[1:]
		several, known := keywords[keyword]
		switch {
		case keyword == "host":
			on = matches(words, s.alias)
		case keyword == "match":
			if on, err = s.match(words); err != nil {
				return fmt.Errorf("%s:%d: %w", file, n, err)
			}
		case !on:
		case keyword == "include":
			for _, pattern := range words {
				if err := s.include(pattern, below, depth); err != nil {
					return fmt.Errorf("%s:%d: %w", file, n, err)
				}
			}
		case !known:
		case len(words) == 0:
			return fmt.Errorf("%s:%d: %s says nothing", file, n, keyword)
		case several || s.values[keyword] == nil:
			s.values[keyword] = append(s.values[keyword], words)
		}
	}
	return lines.Err()
}

func (s *settings) include(pattern, below string, depth int) error {
	pattern = s.tilde(pattern)
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(below, pattern)
	}
	found, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("include %s: %w", pattern, err)
	}
	for _, file := range found {
		if err := s.read(file, below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// match says whether a Match block is about this login. What a command or a second pass decides is not.
func (s *settings) match(words []string) (bool, error) {
	on := true
	for len(words) > 0 {
		name, not := strings.CutPrefix(strings.ToLower(words[0]), "!")
		var hit bool
		switch name {
		case "all":
			hit, words = true, words[1:]
		case "final", "canonical":
			hit, words = false, words[1:]
		default:
			if len(words) < 2 {
				return false, fmt.Errorf("match %s: nothing follows", name)
			}
			patterns := strings.Split(words[1], ",")
			words = words[2:]
			switch name {
			case "host", "originalhost":
				host := s.alias
				if h := s.first("hostname"); h != "" && name == "host" {
					host = strings.ReplaceAll(h, "%h", s.alias)
				}
				hit = matches(patterns, host)
			case "user":
				user := s.user
				for _, u := range []string{s.first("user"), s.local} {
					if user == "" {
						user = u
					}
				}
				hit = matches(patterns, user)
			case "localuser":
				hit = matches(patterns, s.local)
			default: // exec, localnetwork, tagged and what comes later: never run, never met, also when negated
				on = false
				continue
			}
		}
		on = on && hit != not
	}
	return on, nil
}

// matches says whether one of the patterns is met and none that begins with ! is.
func matches(patterns []string, name string) bool {
	hit := false
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		// Of path.Match only * and ? are ssh's.
		p = strings.NewReplacer(`\`, `\\`, `[`, `\[`).Replace(p)
		if ok, err := path.Match(strings.ToLower(p), strings.ReplaceAll(strings.ToLower(name), "/", "_")); ok && err == nil {
			if not {
				return false
			}
			hit = true
		}
	}
	return hit
}

// split cuts a line into words: by white space, the first also by =, with double quotes, up to a #.
func split(line string) ([]string, error) {
	var out []string
	rest := strings.TrimLeft(line, " \t\r\f")
	for rest != "" && rest[0] != '#' {
		if rest[0] == '"' {
			word, after, ok := strings.Cut(rest[1:], `"`)
			if !ok {
				return nil, errors.New("a quote is not closed")
			}
			out = append(out, word)
			rest = strings.TrimLeft(after, " \t\r\f")
			continue
		}
		end := strings.IndexAny(rest, " \t\r\f")
		if eq := strings.IndexByte(rest, '='); len(out) == 0 && eq > 0 && (end < 0 || eq < end) {
			end = eq
		}
		if end < 0 {
			end = len(rest)
		}
		out = append(out, rest[:end])
		rest = strings.TrimLeft(rest[end:], " \t\r\f")
		if len(out) == 1 {
			rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t\r\f")
		}
	}
	if i := slices.Index(out, ""); i == 0 {
		return nil, errors.New("a keyword is empty")
	}
	return out, nil
}

// tilde puts the home folder in the place of ~.
func (s *settings) tilde(p string) string {
	if p == "~" {
		return s.home
	}
	if rest, ok := strings.CutPrefix(p, "~/"); ok {
		return filepath.Join(s.home, rest)
	}
	return p
}
