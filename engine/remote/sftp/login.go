package sftp

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/remote"
)

// login is where to connect and as whom.
type login struct {
	user, host, port string
	name             string       // under which the host's key is known
	files            []string     // with private keys
	chosen           bool         // the files were named: no other key is tried
	asked            bool         // the address itself names the file
	agent            string       // socket of the agent; "" is none
	known            []string     // files of known hosts
	hops             []remote.SSH // machines to go over, the nearest first
}

func (l *login) address() string { return net.JoinHostPort(l.host, l.port) }

// command is the ssh command that logs in the same way, for hints.
func (l *login) command() string {
	out := "ssh "
	if l.port != "22" {
		out += "-p " + l.port + " "
	}
	return out + l.user + "@" + l.host
}

// resolve finds out how to log in: the address comes before the settings of ssh.
func resolve(o Options) (*login, error) {
	s := settings{alias: o.At.Host, user: o.At.User, home: o.Home, values: map[string][][]string{}}
	if me, err := user.Current(); err == nil {
		s.local = me.Username
	}
	below := filepath.Join(o.Home, ".ssh")
	if err := s.read(filepath.Join(below, "config"), below, 0); err != nil {
		return nil, badSettings(err)
	}
	if err := s.read(filepath.Join(o.System, "ssh_config"), o.System, 0); err != nil {
		return nil, badSettings(err)
	}
	if v := s.first("proxycommand"); v != "" && !strings.EqualFold(v, "none") {
		return nil, remote.Fail(remote.ErrDenied, "%w", fault.New(fault.Network, "the settings of ssh reach %s by ProxyCommand, which is not supported", o.At.Host).
			WithHint("ProxyJump is; or open a tunnel, ssh -N -L 2222:localhost:22 %s, and write sftp://localhost:2222/folder with HostKeyAlias in ~/.ssh/config", o.At.Host))
	}
	l := &login{host: cmp.Or(strings.ReplaceAll(s.first("hostname"), "%h", o.At.Host), o.At.Host)}
	l.user = cmp.Or(o.At.User, s.first("user"), s.local)
	l.port = cmp.Or(o.At.Port, s.first("port"), "22")
	l.name = cmp.Or(s.first("hostkeyalias"), l.host)
	if via := s.first("proxyjump"); via != "" && !strings.EqualFold(via, "none") {
		for _, hop := range strings.Split(via, ",") {
			a, err := remote.ParseAddress("ssh://" + strings.TrimSuffix(strings.TrimPrefix(hop, "ssh://"), "/") + "/x")
			if err != nil {
				return nil, badSettings(fmt.Errorf("ProxyJump %s: %w", hop, err))
			}
			l.hops = append(l.hops, *a.SSH)
		}
	}
	l.agent = o.Agent
	if a := s.first("identityagent"); strings.EqualFold(a, "none") {
		l.agent = ""
	} else if a != "" && a != "SSH_AUTH_SOCK" {
		l.agent = l.expand(s.tilde(a), &s)
	}
	l.chosen = strings.EqualFold(s.first("identitiesonly"), "yes")
	switch given := s.values["identityfile"]; {
	case o.At.Identity != "":
		l.files, l.chosen, l.asked = []string{s.tilde(o.At.Identity)}, true, true
	case len(given) > 0:
		for _, words := range given {
			if !strings.EqualFold(words[0], "none") {
				l.files = append(l.files, l.expand(s.tilde(words[0]), &s))
			}
		}
	default:
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"} {
			l.files = append(l.files, filepath.Join(below, name))
		}
	}
	for keyword, usual := range map[string][]string{
		"userknownhostsfile":   {filepath.Join(below, "known_hosts"), filepath.Join(below, "known_hosts2")},
		"globalknownhostsfile": {filepath.Join(o.System, "ssh_known_hosts"), filepath.Join(o.System, "ssh_known_hosts2")},
	} {
		if v := s.values[keyword]; len(v) > 0 {
			usual = usual[:0:0]
			for _, file := range v[0] {
				if file = l.expand(s.tilde(file), &s); filepath.IsAbs(file) { // others are "none"
					usual = append(usual, file)
				}
			}
		}
		l.known = append(l.known, usual...)
	}
	slices.Sort(l.known)
	return l, nil
}

func badSettings(err error) error {
	return remote.Fail(remote.ErrDenied, "%w", fault.Wrap(fault.Network, err))
}

// expand puts values in the place of tokens in a path of the settings.
func (l *login) expand(p string, s *settings) string {
	return strings.NewReplacer("%%", "%", "%d", s.home, "%h", l.host, "%n", s.alias, "%p", l.port, "%r", l.user, "%u", s.local).Replace(p)
}

// hostKeys is the check of the host's key, and the kinds of key to ask for, which are those that are known: of several
// that a host has, it must show one of them.
func (l *login) hostKeys() (ssh.HostKeyCallback, []string, error) {
	var files []string
	for _, f := range l.known {
		if _, err := os.Stat(f); err == nil {
			files = append(files, f)
		}
	}
	check, err := knownhosts.New(files...)
	if err != nil {
		return nil, nil, remote.Fail(remote.ErrDenied, "read known hosts: %w", err)
	}
	at := net.JoinHostPort(l.name, l.port)
	if l.name != l.host { // an alias stands without a port
		at = net.JoinHostPort(l.name, "22")
	}
	nowhere := &net.TCPAddr{IP: net.IPv4zero} // names count, not where they lead to
	var first []string
	var other *knownhosts.KeyError
	if errors.As(check(at, nowhere, noKey{}), &other) {
		for _, k := range other.Want {
			switch t := k.Key.Type(); t {
			case ssh.KeyAlgoRSA:
				first = append(first, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			default:
				first = append(first, t)
			}
		}
	}
	for _, a := range ssh.SupportedAlgorithms().HostKeys {
		if !slices.Contains(first, a) {
			first = append(first, a)
		}
	}
	return func(_ string, _ net.Addr, k ssh.PublicKey) error {
		err := check(at, nowhere, k)
		if err == nil {
			return nil
		}
		return remote.Fail(remote.ErrDenied, "%w", l.distrust(err, k, files))
	}, first, nil
}

// distrust says what is wrong with the key of a host, and what to do.
func (l *login) distrust(err error, k ssh.PublicKey, files []string) error {
	print := fmt.Sprintf("%s %s", k.Type(), ssh.FingerprintSHA256(k))
	var revoked *knownhosts.RevokedError
	var other *knownhosts.KeyError
	switch {
	case errors.As(err, &revoked):
		return fault.New(fault.Network, "the key of %s, %s, is revoked in %s", l.address(), print, revoked.Revoked.Filename)
	case errors.As(err, &other) && len(other.Want) > 0:
		w := other.Want[0]
		name := l.name
		if l.port != "22" && l.name == l.host {
			name = "[" + l.name + "]:" + l.port
		}
		return fault.New(fault.Network, "the key of %s is %s, and %s:%d says %s: somebody may stand between, or the machine was set up anew",
			l.address(), print, w.Filename, w.Line, ssh.FingerprintSHA256(w.Key)).
			WithHint("ask who runs it for the fingerprint; when it is this one, remove the old key by ssh-keygen -R '%s' and log in by %s", name, l.command())
	case errors.As(err, &other):
		where := "no file of known hosts"
		if len(files) > 0 {
			where = strings.Join(files, " and ")
		}
		return fault.New(fault.Network, "the host %s is not known: its key is %s, and %s does not hold it", l.address(), print, where).
			WithHint("log in once by %s, compare the fingerprint with what its owner says, and answer yes", l.command())
	}
	return fault.New(fault.Network, "check the key of %s, %s: %w", l.address(), print, err)
}

// noKey is a key that no host has.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }
