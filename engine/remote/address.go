package remote

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// Address says where a remote is: one of the three.
type Address struct {
	Dir            string   // absolute folder of file://
	Bucket, Prefix string   // of s3://
	Web            *url.URL // http:// or https://
}

// bucketName is what S3 calls a bucket.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// errForm says how addresses are written.
var errForm = errors.New("want file:///folder, s3://bucket/prefix, http://host/prefix or https://host/prefix")

// ParseAddress reads an address. Its errors repeat no password.
func ParseAddress(text string) (Address, error) {
	var a Address
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return a, errForm // the error would repeat the text
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
