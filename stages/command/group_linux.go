package command

import (
	"os"
	"os/exec"
	"syscall"
)

// watched runs a line in a shell of its own, beside a process of the same group that kills the group when the pipe at
// descriptor 3 has no writer left. The line knows nothing of it: it is not the shell's child, and has no streams.
const watched = `(trap "" HUP INT TERM; read _ <&3; kill -KILL 0) >/dev/null 2>&1 & exec /bin/sh -c "$1" 3<&-`

// newGroup makes the command, sh -c LINE, the head of its own process group, which lives no longer than belay: nothing
// must write on into a folder that a later run may take over. When belay is killed, the kernel ends the shell and closes
// the only writing end of the pipe. started is called after the start, ended after the end.
func newGroup(cmd *exec.Cmd) (started, ended func(), err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	line := cmd.Args[2]
	cmd.Args = []string{cmd.Path, "-c", watched, "sh", line}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.ExtraFiles = []*os.File{read}
	return func() { read.Close() }, func() { write.Close() }, nil
}

// signalGroup signals all processes of the group; it is no error when none is left.
func signalGroup(cmd *exec.Cmd, kill bool) error {
	sig := syscall.SIGTERM
	if kill {
		sig = syscall.SIGKILL
	}
	if err := syscall.Kill(-cmd.Process.Pid, sig); err != nil && err != syscall.ESRCH {
		return err
	}
	return nil
}
