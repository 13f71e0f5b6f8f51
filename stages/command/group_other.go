//go:build !linux

package command

import "os/exec"

// newGroup does nothing: process groups are used on Linux only.
func newGroup(*exec.Cmd) (started, ended func(), err error) { return func() {}, func() {}, nil }

// signalGroup ends the shell; elsewhere its children have to notice by themselves.
func signalGroup(cmd *exec.Cmd, _ bool) error { return cmd.Process.Kill() }
