package sftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/belay-ml/belay/engine/remote"
)

// maxJumps bounds how many machines a connection leads over.
const maxJumps = 8

// entered is a machine that let this side in.
type entered struct {
	client *ssh.Client
	conn   *counting     // its Close ends everything below too
	below  []*ssh.Client // machines that it leads over
}

// enter logs in at a machine, over others where the settings of ssh say so. hops take their place when there are any.
func enter(ctx context.Context, o Options, hops []remote.SSH, depth int) (*entered, error) {
	limits := o.Limits.Filled()
	l, err := resolve(o)
	if err != nil {
		return nil, err
	}
	if len(hops) == 0 {
		hops = l.hops
	}
	check, algorithms, err := l.hostKeys()
	if err != nil {
		return nil, err
	}
	keys, err := l.keys(limits.Connect)
	if err != nil {
		return nil, err
	}
	defer keys.close()
	out := &entered{}
	raw, err := out.dial(ctx, o, l, hops, depth)
	if err != nil {
		return nil, err
	}
	out.conn = &counting{Conn: raw}
	limited, cancel := context.WithTimeout(ctx, max(limits.Stall, limits.Connect))
	defer cancel()
	stop := context.AfterFunc(limited, func() { raw.Close() })
	defer stop()
	var distrust error
	tried := false
	config := &ssh.ClientConfig{
		User: l.user, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-belay",
		HostKeyCallback: func(name string, at net.Addr, k ssh.PublicKey) error {
			distrust = check(name, at, k)
			return distrust
		},
		Auth: []ssh.AuthMethod{ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
			tried = true
			return keys.signers, nil
		})},
	}
	c, channels, requests, err := ssh.NewClientConn(out.conn, l.address(), config)
	if err != nil {
		raw.Close()
		for _, c := range out.below {
			_ = c.Wait()
		}
	}
	switch {
	case err == nil:
		out.client = ssh.NewClient(c, channels, requests)
		return out, nil
	case distrust != nil:
		return nil, distrust
	case tried && (strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "oo many authentication failures")):
		return nil, remote.Fail(remote.ErrDenied, "%w", l.refused(keys))
	case ctx.Err() == nil && limited.Err() != nil:
		err = fmt.Errorf("log in to %s: no answer in %s", l.address(), max(limits.Stall, limits.Connect))
	}
	return nil, down(ctx, err)
}

// dial connects to a machine, from here or from the last of hops.
func (e *entered) dial(ctx context.Context, o Options, l *login, hops []remote.SSH, depth int) (net.Conn, error) {
	limits := o.Limits.Filled()
	if len(hops) == 0 {
		c, err := (&net.Dialer{Timeout: limits.Connect, KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", l.address())
		if err != nil {
			return nil, down(ctx, err)
		}
		return c, nil
	}
	if depth == maxJumps {
		return nil, badSettings(fmt.Errorf("the settings of ssh lead over more than %d machines to %s", maxJumps, l.address()))
	}
	last := len(hops) - 1
	var before []remote.SSH // none: the first goes over what its own settings say
	if last > 0 {
		before = hops[:last]
	}
	o.At = hops[last]
	over, err := enter(ctx, o, before, depth+1)
	if err != nil {
		return nil, fmt.Errorf("over %s: %w", o.At.Host, err)
	}
	limited, cancel := context.WithTimeout(ctx, limits.Connect)
	defer cancel()
	c, err := over.client.DialContext(limited, "tcp", l.address())
	e.below = append(over.below, over.client)
	if err != nil {
		over.conn.Close()
		for _, c := range e.below {
			_ = c.Wait()
		}
		return nil, down(ctx, fmt.Errorf("over %s: %w", o.At.Host, err))
	}
	return &chained{c, over.conn}, nil
}

// chained is a connection over another, which ends with it: first, for a message to its far end could hang.
type chained struct {
	net.Conn
	over net.Conn
}

// Close ends both.
func (c *chained) Close() error { return errors.Join(c.over.Close(), c.Conn.Close()) }
