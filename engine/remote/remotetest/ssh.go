package remotetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSH is a machine on loopback that serves its files, which are this machine's, by sftp to whoever has one of its keys.
type SSH struct {
	Port    string
	HostKey ssh.Signer
	Key     ssh.Signer // lets in
	KeyPEM  []byte     // the same, not encrypted

	mu    sync.Mutex
	odd   Oddities
	conns []net.Conn
	total int
}

// Oddities are what a machine may do otherwise.
type Oddities struct {
	ReadOnly bool
	NoSFTP   bool                    // it refuses the file service
	Line     func(net.Conn) net.Conn // stands between the network and the machine
	Serve    func(ssh.Channel)       // answers in the place of the machine's files
}

// Be makes the connections that come odd.
func (s *SSH) Be(odd Oddities) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.odd = odd
}

// NewKey makes a key.
func NewKey(t testing.TB) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, private
}

// ServeSSH starts a machine.
func ServeSSH(t testing.TB) *SSH {
	t.Helper()
	s := &SSH{}
	s.HostKey, _ = NewKey(t)
	key, private := NewKey(t)
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	s.Key, s.KeyPEM = key, pem.EncodeToMemory(block)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.Port, _ = net.SplitHostPort(l.Addr().String())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.total++
			odd := s.odd
			s.mu.Unlock()
			all.Go(func() { s.serve(c, odd) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.Cut()
		all.Wait()
	})
	return s
}

// Cut breaks all connections.
func (s *SSH) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

// Connections is how many there have been.
func (s *SSH) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

func (s *SSH) serve(raw net.Conn, odd Oddities) {
	defer raw.Close()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if !slices.Equal(k.Marshal(), s.Key.PublicKey().Marshal()) {
			return nil, os.ErrPermission
		}
		return &ssh.Permissions{}, nil
	}}
	config.AddHostKey(s.HostKey)
	line := raw
	if odd.Line != nil {
		line = odd.Line(raw)
	}
	c, channels, requests, err := ssh.NewServerConn(line, config)
	if err != nil {
		return
	}
	defer c.Close()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { ssh.DiscardRequests(requests) })
	for asked := range channels {
		if asked.ChannelType() == "direct-tcpip" {
			all.Go(func() { s.forward(asked) })
			continue
		}
		if asked.ChannelType() != "session" {
			_ = asked.Reject(ssh.UnknownChannelType, "no")
			continue
		}
		ch, in, err := asked.Accept()
		if err != nil {
			return
		}
		all.Go(func() { odd.session(ch, in) })
	}
}

// forward leads to another machine.
func (s *SSH) forward(asked ssh.NewChannel) {
	var to struct {
		Host     string
		Port     uint32
		From     string
		FromPort uint32
	}
	var c net.Conn
	err := ssh.Unmarshal(asked.ExtraData(), &to)
	if err == nil {
		c, err = net.Dial("tcp", net.JoinHostPort(to.Host, fmt.Sprint(to.Port)))
	}
	if err != nil {
		_ = asked.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, in, err := asked.Accept()
	if err != nil {
		c.Close()
		return
	}
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.mu.Unlock()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { ssh.DiscardRequests(in) })
	all.Go(func() {
		defer ch.Close()
		_, _ = io.Copy(ch, c)
	})
	_, _ = io.Copy(c, ch)
	c.Close()
}

func (odd Oddities) session(ch ssh.Channel, in <-chan *ssh.Request) {
	defer ch.Close()
	var all sync.WaitGroup
	defer all.Wait()
	for r := range in {
		ok := r.Type == "subsystem" && string(r.Payload[4:]) == "sftp" && !odd.NoSFTP
		_ = r.Reply(ok, nil)
		if !ok {
			continue
		}
		all.Go(func() {
			defer ch.Close()
			if odd.Serve != nil {
				odd.Serve(ch)
				return
			}
			var opt []sftp.ServerOption
			if odd.ReadOnly {
				opt = append(opt, sftp.ReadOnly())
			}
			server, err := sftp.NewServer(struct {
				io.Reader
				io.WriteCloser
			}{ch, ch}, opt...)
			if err == nil {
				_ = server.Serve()
			}
		})
	}
}

// Home makes a home folder whose .ssh knows the machine under a host name and holds the key.
func (s *SSH) Home(t testing.TB, host string) string {
	t.Helper()
	home := t.TempDir()
	s.Settle(t, home, host)
	return home
}

// Settle puts what Home makes into a folder.
func (s *SSH) Settle(t testing.TB, home, host string) {
	t.Helper()
	line := knownhosts.Line([]string{net.JoinHostPort(host, s.Port)}, s.HostKey.PublicKey())
	for name, text := range map[string]string{"known_hosts": line + "\n", "id_ed25519": string(s.KeyPEM)} {
		path := filepath.Join(home, ".ssh", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
