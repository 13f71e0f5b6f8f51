package hook

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxSaid bounds what is kept of what a command says or a server answers.
const maxSaid = 4 << 10

// run starts the command and gives it the message. It and what it started are killed when ctx ends.
func (h Hook) run(ctx context.Context, m Message) error {
	c := exec.CommandContext(ctx, "sh", "-c", h.Command)
	c.Dir = h.Dir
	c.Env = append(os.Environ(), m.Env...)
	c.Stdin = bytes.NewReader(m.Body)
	var said tail
	c.Stdout, c.Stderr = &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return unix.Kill(-c.Process.Pid, unix.SIGKILL) }
	c.WaitDelay = time.Second // for children that left the group and hold the pipes open
	err := c.Run()
	if text := strings.TrimSpace(string(said)); err != nil && text != "" {
		return fmt.Errorf("%w: %s", err, text[strings.LastIndexByte(text, '\n')+1:])
	}
	return err
}

// tail keeps the end of what is written.
type tail []byte

func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	if over := len(*t) - maxSaid; over > 0 {
		*t = append((*t)[:0], (*t)[over:]...)
	}
	return len(b), nil
}
