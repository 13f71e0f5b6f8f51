package remote

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Address says where a remote is: one of the four.
type Address struct {
	Dir            string   // absolute folder of file://
	Bucket, Prefix string   // of s3://
	Web            *url.URL // http:// or https://
	SSH            *SSH     // sftp:// or ssh://
}

// SSH is a folder of a machine that ssh reaches.
type SSH struct {
	User     string // "" is what the settings of ssh say
	Host     string // name, address or alias of those settings
	Port     string // "" is what they say
	Path     string // absolute, or relative to the home folder there
	Identity string // file with the private key; "" is the agent and what the settings say
}

// String is the address, without the place of the key.
func (s *SSH) String() string {
	host := s.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	u := url.URL{Scheme: "sftp", Host: host, Path: s.Path}
	if s.Port != "" {
		u.Host += ":" + s.Port
	}
	if s.User != "" {
		u.User = url.User(s.User)
	}
	if !path.IsAbs(s.Path) {
		u.Path = path.Join("/~", s.Path)
	}
	return u.String()
}

// bucketName is what S3 calls a bucket.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// errForm says how addresses are written.
var errForm = errors.New("want file:///folder, sftp://user@host/folder, s3://bucket/prefix, http://host/prefix or https://host/prefix")

// ParseAddress reads an address. Its errors repeat no password.
func ParseAddress(text string) (Address, error) {
	var a Address
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return a, errForm // the error would repeat the text
	case u.Scheme == "sftp", u.Scheme == "ssh":
		a.SSH, err = parseSSH(u)
		return a, err
	case u.User != nil:
		return a, errors.New("no user or password in an address: name secrets in belay.yaml (token, access_key, secret_key)")
	case u.RawQuery != "" || u.Fragment != "":
		return a, fmt.Errorf("no ? or # in an address: %w", errForm)
	}
	clean := strings.Trim(u.Path, "/")
	switch u.Scheme {
	case "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return a, fmt.Errorf("%q is no absolute folder: write file:///folder", u.Host+u.Path)
		}
		a.Dir = filepath.Clean(u.Path)
	case "s3":
		if !bucketName.MatchString(u.Host) {
			return a, fmt.Errorf("%q is no name of a bucket: write s3://bucket/prefix", u.Host)
		}
		if strings.Contains("/"+clean+"/", "/../") {
			return a, fmt.Errorf("prefix %q: no .. in it", clean)
		}
		a.Bucket, a.Prefix = u.Host, clean
	case "http", "https":
		if u.Host == "" {
			return a, errForm
		}
		a.Web = u
	default:
		return a, errForm
	}
	return a, nil
}

// loginName is what can be the name of a user: nothing that a shell or ssh could take for something else.
var loginName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]*\$?$`)

func parseSSH(u *url.URL) (*SSH, error) {
	s := &SSH{User: u.User.Username(), Host: u.Hostname(), Port: u.Port()}
	_, secret := u.User.Password()
	query, err := url.ParseQuery(u.RawQuery)
	s.Identity = query.Get("identity")
	delete(query, "identity")
	port, perr := strconv.ParseUint(cmp.Or(s.Port, "22"), 10, 16)
	switch {
	case secret:
		return nil, errors.New("no password in an address: sftp logs in with a key, of an agent or a file")
	case err != nil || u.Fragment != "" || len(query) > 0:
		return nil, errors.New("only ?identity=FILE can follow the folder")
	case s.Host == "" || strings.HasPrefix(s.Host, "-") || strings.ContainsAny(s.Host, " \t\n"):
		return nil, errors.New("no host: write sftp://user@host/folder")
	case s.User != "" && !loginName.MatchString(s.User):
		return nil, fmt.Errorf("%q is no name of a user", s.User)
	case perr != nil || port == 0:
		return nil, fmt.Errorf("%q is no port", s.Port)
	case strings.Contains(u.Path+"/", "/../"):
		return nil, fmt.Errorf("folder %q: no .. in it", u.Path)
	}
	s.Path = path.Clean(u.Path)
	if rest, ok := strings.CutPrefix(s.Path+"/", "/~/"); ok {
		s.Path = path.Clean(rest)
	}
	if u.Path == "" || s.Path == "/" || s.Path == "." {
		return nil, fmt.Errorf("no folder: write sftp://%s/folder, or sftp://%s/~/folder below the home folder there", u.Host, u.Host)
	}
	if s.Identity != "" && !filepath.IsAbs(s.Identity) && !strings.HasPrefix(s.Identity, "~/") {
		return nil, fmt.Errorf("identity %q: write /folder/file or ~/file", s.Identity)
	}
	return s, nil
}
