package command

import (
	"os/exec"
	"syscall"
)

// newGroup makes the command the head of its own process group. When belay itself is killed, the kernel
// ends the shell, so that nothing writes on into a folder that a later run may take over.
func newGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
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
