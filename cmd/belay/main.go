package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/belay-ml/belay/engine/fault"
)

func main() {
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Main runs one command line and gives its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := cancellable()
	defer stop()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRoot(a)
	declareUnknown(root, args)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return fault.OK
	}
	code, hint := fault.CodeOf(err), fault.HintOf(err)
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		code = fault.Cancelled
	case code == fault.Internal && !a.started: // cobra's own: unknown flags, missing arguments
		code = fault.Usage
		if hint == "" {
			hint = "see " + cmd.CommandPath() + " --help"
		}
	}
	a.complain(err, code, hint)
	return code
}

// cancellable gives a context that the first interrupt cancels; the second ends the process.
func cancellable() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-signals:
				if n > 0 {
					os.Exit(fault.Cancelled)
				}
				cancel()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// endAtOnce lets an interrupt end the process as it does without belay: for filters, which may wait for
// input for ever and have nothing to tidy up.
func endAtOnce() { signal.Reset(os.Interrupt, syscall.SIGTERM) }
