package sftp_test

import (
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/remotetest"
	"github.com/belay-ml/belay/engine/remote/sftp"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// wants checks how a login ends: "" is well.
func wants(t *testing.T, o sftp.Options, want, hint string) {
	t.Helper()
	_, err := open(t, o).Head(t.Context(), "v1/ac/x")
	switch {
	case want == "":
		if !errors.Is(err, remote.ErrAbsent) {
			t.Errorf("have %v, want a login", err)
		}
	case !errors.Is(err, remote.ErrDenied) || !strings.Contains(err.Error(), want) || !strings.Contains(fault.HintOf(err), hint):
		t.Errorf("have %v (hint %s), want %s (%s)", err, fault.HintOf(err), want, hint)
	}
}

func TestAHostIsNeverTakenOnTrust(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	o := options(t, s, t.TempDir())
	known := filepath.Join(o.Home, ".ssh", "known_hosts")
	right, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := remotetest.NewKey(t)
	at := []string{"[127.0.0.1]:" + s.Port}

	write(t, known, "")
	wants(t, o, "is not known: its key is ssh-ed25519 SHA256:", "log in once by ssh -p "+s.Port+" me@127.0.0.1")
	if err := os.Remove(known); err != nil {
		t.Fatal(err)
	}
	wants(t, o, "no file of known hosts does not hold it", "log in once")
	write(t, filepath.Join(o.Home, ".ssh", "config"), "Host *\n StrictHostKeyChecking no\n")
	wants(t, o, "is not known", "log in once")
	write(t, known, knownhosts.Line(at, other.PublicKey())+"\n")
	wants(t, o, known+":1 says "+ssh.FingerprintSHA256(other.PublicKey()), "ssh-keygen -R '[127.0.0.1]:"+s.Port+"'")
	write(t, known, string(right)+"@revoked * "+strings.TrimPrefix(knownhosts.Line([]string{"x"}, s.HostKey.PublicKey()), "x ")+"\n")
	wants(t, o, "is revoked in "+known, "")
	write(t, known, "what is this\n")
	wants(t, o, "read known hosts", "")
	write(t, known, knownhosts.Line([]string{knownhosts.HashHostname(at[0])}, s.HostKey.PublicKey())+"\n")
	wants(t, o, "", "")
	write(t, known, "")
	write(t, filepath.Join(o.System, "ssh_known_hosts"), string(right))
	wants(t, o, "", "")
}

func TestAnEncryptedKeyNeedsAnAgent(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	o := options(t, s, t.TempDir())
	file := filepath.Join(o.Home, ".ssh", "id_ed25519")
	raw, err := ssh.ParseRawPrivateKey(s.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(raw, "", []byte("sesame"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(pem.EncodeToMemory(block)))
	wants(t, o, "the key "+file+" is encrypted", "ssh-add "+file)

	with := o
	with.Agent = serveAgent(t, raw)
	wants(t, with, "", "")
	with.At.Identity = "~/.ssh/id_ed25519"
	wants(t, with, "", "")
	with.Agent = serveAgent(t)
	wants(t, with, "is encrypted", "ssh-add")
}

// serveAgent is the socket of an agent that holds keys.
func serveAgent(t *testing.T, keys ...any) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "a") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: k}); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); _ = agent.ServeAgent(ring, c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
		os.RemoveAll(dir)
	})
	return l.Addr().String()
}

func TestKeysAreFound(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	_, wrong := remotetest.NewKey(t)
	block, err := ssh.MarshalPrivateKey(wrong, "")
	if err != nil {
		t.Fatal(err)
	}
	wrongPEM := string(pem.EncodeToMemory(block))
	right, _ := ssh.ParseRawPrivateKey(s.KeyPEM)
	for name, c := range map[string]struct {
		usual, other, config, identity string
		agent                          []any
		want, hint                     string
	}{
		"the usual file":                      {usual: string(s.KeyPEM)},
		"the file that the address names":     {usual: wrongPEM, other: string(s.KeyPEM), identity: "~/.ssh/other"},
		"the file that the settings name":     {usual: wrongPEM, other: string(s.KeyPEM), config: "IdentityFile %d/.ssh/other"},
		"the agent":                           {agent: []any{right}},
		"the agent beside a wrong file":       {usual: wrongPEM, agent: []any{right}},
		"a file beside an agent with others":  {usual: string(s.KeyPEM), agent: []any{&wrong}},
		"no key":                              {want: "there is no key, neither of an agent nor in ", hint: "ssh-copy-id"},
		"a wrong key":                         {usual: wrongPEM, want: "lets me not in with ssh-ed25519 SHA256:", hint: "does ssh -p "},
		"a file that is not there":            {usual: string(s.KeyPEM), identity: "/no/such/file", want: "/no/such/file: no such file"},
		"a file that is no key":               {other: "hello sesame", identity: "~/.ssh/other", want: "it is no private key"},
		"an agent that the named file is not": {other: wrongPEM, identity: "~/.ssh/other", agent: []any{right}, want: "lets me not in"},
		"an agent that settings turn off":     {config: "IdentityAgent none", agent: []any{right}, want: "there is no key"},
		"an agent with others than chosen":    {usual: wrongPEM, config: "IdentitiesOnly yes", agent: []any{right}, want: "lets me not in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, s, t.TempDir())
			ssh := filepath.Join(o.Home, ".ssh")
			for file, text := range map[string]string{"id_ed25519": c.usual, "other": c.other, "config": c.config} {
				if os.Remove(filepath.Join(ssh, file)); text != "" {
					write(t, filepath.Join(ssh, file), text)
				}
			}
			if o.At.Identity = c.identity; c.agent != nil {
				o.Agent = serveAgent(t, c.agent...)
			}
			wants(t, o, c.want, c.hint)
			if _, err := open(t, o).Head(t.Context(), "x"); strings.Contains(err.Error(), "sesame") {
				t.Errorf("the file's text is in the message: %v", err)
			}
		})
	}
	o := options(t, s, t.TempDir())
	o.Agent = filepath.Join(t.TempDir(), "gone")
	wants(t, o, "", "")
	os.Remove(filepath.Join(o.Home, ".ssh", "id_ed25519"))
	wants(t, o, "ask the agent: ", "")
}

func TestSettingsOfSSHSayWhereAHostIs(t *testing.T) {
	t.Parallel()
	s := remotetest.ServeSSH(t)
	o := options(t, s, t.TempDir())
	config := filepath.Join(o.Home, ".ssh", "config")
	o.At = remote.SSH{Host: "team", Path: o.At.Path}
	write(t, filepath.Join(o.Home, ".ssh", "conf.d", "a"), "Host team\n\tPort "+s.Port+"\n\tUser \"me\"\n")
	write(t, config, "# comment\nInclude conf.d/*\nMatch final all\n User nobody\nMatch exec \"false\"\n Port 1\n\nHost te?m !other\n HostName=127.0.0.1\n Port 9\nHost *\n User late\n")
	wants(t, o, "", "")

	// The address comes first, the person's settings before the machine's.
	o.At.Port = "1"
	if _, err := open(t, o).Head(t.Context(), "x"); !errors.Is(err, remote.ErrDown) {
		t.Errorf("port of the address: %v, want down", err)
	}
	o.At.Port = ""
	write(t, filepath.Join(o.System, "ssh_config"), "Port 1\nHost team\nUser other\nGlobalKnownHostsFile /dev/null\n")
	wants(t, o, "", "")

	// The alias's key has a name of its own.
	write(t, config, "Host team\n HostName 127.0.0.1\n Port "+s.Port+"\n HostKeyAlias ours\n UserKnownHostsFile ~/.ssh/%n\n")
	wants(t, o, "is not known", "")
	write(t, filepath.Join(o.Home, ".ssh", "team"), knownhosts.Line([]string{"ours"}, s.HostKey.PublicKey())+"\n")
	wants(t, o, "", "")

	for text, want := range map[string]string{
		"ProxyJump -oX":                   "ProxyJump -oX: no host",
		"ProxyJump team":                  "lead over more than 8 machines",
		"ProxyCommand nc %h %p":           "by ProxyCommand, which is not supported",
		"Host \"team":                     "config:1: a quote is not closed",
		"Match host":                      "config:1: match host: nothing follows",
		"User":                            "config:1: user says nothing",
		"Include config":                  "too many files are included",
		"# " + strings.Repeat("x", 1<<20): "more than 1048576 bytes",
	} {
		write(t, config, text)
		wants(t, o, want, "")
	}
}

func TestAConnectionLeadsOverOtherMachines(t *testing.T) {
	t.Parallel()
	target, near, far := remotetest.ServeSSH(t), remotetest.ServeSSH(t), remotetest.ServeSSH(t)
	o := options(t, target, t.TempDir())
	known, config := filepath.Join(o.Home, ".ssh", "known_hosts"), filepath.Join(o.Home, ".ssh", "config")
	text, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	hosts := "Host near\n HostName 127.0.0.1\n Port " + near.Port + "\n IdentityFile ~/.ssh/near\n" +
		"Host far\n HostName localhost\n Port " + far.Port + "\n IdentityFile ~/.ssh/far\n"
	for name, s := range map[string]*remotetest.SSH{"127.0.0.1": near, "localhost": far} {
		text = append(text, knownhosts.Line([]string{net.JoinHostPort(name, s.Port)}, s.HostKey.PublicKey())+"\n"...)
	}
	write(t, known, string(text))
	write(t, filepath.Join(o.Home, ".ssh", "near"), string(near.KeyPEM))
	write(t, filepath.Join(o.Home, ".ssh", "far"), string(far.KeyPEM))
	write(t, config, hosts+"Host 127.0.0.1\n ProxyJump near,me@far\n")
	remotetest.Roundtrip(t, open(t, o))
	if near.Connections() != 1 || far.Connections() != 1 {
		t.Errorf("%d and %d connections, want 1 over each", near.Connections(), far.Connections())
	}
	write(t, config, hosts+"Host far\n ProxyJump near\nHost 127.0.0.1\n ProxyJump far\n")
	wants(t, o, "", "")
	if near.Connections() != 2 {
		t.Errorf("%d connections, want another", near.Connections())
	}

	// What breaks or hangs on the way is found, and each machine's key is checked.
	b := open(t, o)
	if _, err := b.Head(t.Context(), "x"); !errors.Is(err, remote.ErrAbsent) {
		t.Fatal(err)
	}
	near.Cut()
	if _, err := b.Head(t.Context(), "x"); err == nil || !errors.Is(err, remote.ErrDown) && !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("after a cut: %v", err)
	}
	if _, err := b.Head(t.Context(), "x"); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("after a cut, again: %v", err)
	}
	write(t, filepath.Join(o.Home, ".ssh", "near"), string(far.KeyPEM))
	wants(t, o, "over far: over near: 127.0.0.1:"+near.Port+" lets ", "")
	write(t, config, strings.ReplaceAll(hosts, "127.0.0.1", "localhost")+"Host 127.0.0.1\n ProxyJump near\n")
	wants(t, o, "over near: the host localhost:"+near.Port+" is not known", "")
}
