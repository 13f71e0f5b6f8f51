package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary stand in for belay: scripts and process tests run `belay` from PATH, and get
// this binary again.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"belay": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}
