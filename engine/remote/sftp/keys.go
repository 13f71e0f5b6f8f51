package sftp

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/remote"
)

// ring are the keys to log in with, in the order in which they are tried.
type ring struct {
	signers []ssh.Signer
	locked  []string // files that are encrypted and that no agent holds
	trouble []string
	agent   net.Conn
}

// close ends the connection to the agent.
func (r *ring) close() {
	if r.agent != nil {
		r.agent.Close()
	}
}

// keys collects the keys of a login: those of the agent that the files name, then the rest of the agent, then files. With
// chosen files others of the agent are left out.
func (l *login) keys(wait time.Duration) (*ring, error) {
	r := &ring{}
	held := r.ask(l.agent, wait)
	var fromFiles []ssh.Signer
	for _, file := range l.files {
		key, public, err := readKey(file)
		if public != nil {
			if i := slices.IndexFunc(held, func(s ssh.Signer) bool { return same(s.PublicKey(), public) }); i >= 0 {
				r.signers = append(r.signers, held[i])
				held = slices.Delete(held, i, i+1)
				continue
			}
		}
		var pass *ssh.PassphraseMissingError
		switch {
		case err == nil:
			fromFiles = append(fromFiles, key)
		case errors.As(err, &pass):
			r.locked = append(r.locked, file)
		case errors.Is(err, fs.ErrNotExist) && !l.asked:
		default:
			r.trouble = append(r.trouble, err.Error())
		}
	}
	if !l.chosen {
		r.signers = append(r.signers, held...)
	}
	r.signers = append(r.signers, fromFiles...)
	if len(r.signers) == 0 {
		defer r.close()
		return nil, remote.Fail(remote.ErrDenied, "%w", l.noKey(r))
	}
	return r, nil
}

// ask takes the keys of the agent, where there is one.
func (r *ring) ask(socket string, wait time.Duration) []ssh.Signer {
	if socket == "" {
		return nil
	}
	conn, err := net.DialTimeout("unix", socket, wait)
	if err != nil {
		r.trouble = append(r.trouble, fmt.Sprintf("ask the agent: %v", err))
		return nil
	}
	r.agent = conn
	_ = conn.SetDeadline(time.Now().Add(wait)) // where there are none, there is no wait
	held, err := agent.NewClient(conn).Signers()
	if err != nil {
		r.trouble = append(r.trouble, fmt.Sprintf("ask the agent: %v", err))
	}
	return held
}

func same(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// maxKey bounds a file with a key.
const maxKey = 64 << 10

// readKey reads a file with a private key. The public half is there also when the key is encrypted, where the file or its
// neighbour .pub tells it.
func readKey(file string) (ssh.Signer, ssh.PublicKey, error) {
	text, err := os.ReadFile(file)
	switch {
	case err != nil:
		return nil, publicOf(file), fmt.Errorf("read key: %w", err)
	case len(text) > maxKey:
		return nil, nil, fmt.Errorf("read key %s: more than %d bytes", file, maxKey)
	}
	key, err := ssh.ParsePrivateKey(text)
	var pass *ssh.PassphraseMissingError
	switch {
	case err == nil:
		return key, key.PublicKey(), nil
	case errors.As(err, &pass) && pass.PublicKey != nil:
		return nil, pass.PublicKey, err
	case errors.As(err, &pass):
		return nil, publicOf(file), err
	}
	// What the file holds is not repeated.
	return nil, publicOf(file), fmt.Errorf("read key %s: it is no private key that is known here", file)
}

func publicOf(file string) ssh.PublicKey {
	text, err := os.ReadFile(file + ".pub")
	if err != nil || len(text) > maxKey {
		return nil
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	return public
}

// noKey says why there is no key, and what to do.
func (l *login) noKey(r *ring) error {
	switch {
	case len(r.locked) > 0:
		return fault.New(fault.Network, "log in to %s: the key %s is encrypted%s", l.address(), strings.Join(r.locked, " and "), r.rest()).
			WithHint("nobody is asked for a pass phrase: eval $(ssh-agent) and ssh-add %s", r.locked[0])
	case l.asked:
		return fault.New(fault.Network, "log in to %s: there is no key in %s%s", l.address(), l.files[0], r.rest())
	}
	return fault.New(fault.Network, "log in to %s: there is no key, neither of an agent nor in %s%s", l.address(), strings.Join(l.files, ", "), r.rest()).
		WithHint("make one by ssh-keygen and bring it there by ssh-copy-id, or name its file: sftp://host/folder?identity=/path")
}

// refused says that the server takes none of the keys.
func (l *login) refused(r *ring) error {
	names := make([]string, len(r.signers))
	for i, s := range r.signers {
		names[i] = s.PublicKey().Type() + " " + ssh.FingerprintSHA256(s.PublicKey())
	}
	e := fault.New(fault.Network, "%s lets %s not in with %s%s", l.address(), l.user, strings.Join(names, ", "), r.rest())
	if len(r.locked) > 0 {
		return e.WithHint("%s is encrypted, so it was not tried: ssh-add %s", r.locked[0], r.locked[0])
	}
	return e.WithHint("does %s work? ssh-copy-id brings a key there", l.command())
}

func (r *ring) rest() string {
	if len(r.trouble) == 0 {
		return ""
	}
	return " (" + strings.Join(r.trouble, "; ") + ")"
}
