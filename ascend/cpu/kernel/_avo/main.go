// The generator of the kernel package's assembly. Run it with go generate in ascend/cpu/kernel, or here:
//
//	go run . -out ..
//
// main.go writes the files, loop.go makes loops over vectors with their remainders, gemm.go, pack.go,
// vector.go and exp.go hold the routines.
package main

import (
	"crypto/sha256"
	"embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// sources are the generator's own files. Their digest goes into what is generated, so that a test sees
// when the two have parted.
//
//go:embed *.go
var sources embed.FS

func digest() (string, error) {
	entries, err := sources.ReadDir(".")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, e := range entries {
		text, err := sources.ReadFile(e.Name())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", e.Name(), len(text))
		h.Write(text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

func main() {
	// A set of its own: avo's build package puts flags of the same names into the common one.
	flags := flag.NewFlagSet("_avo", flag.ExitOnError)
	out := flags.String("out", "..", "folder of the kernel package")
	flags.Parse(os.Args[1:])
	for _, f := range []struct {
		name  string
		write func(*gen)
	}{
		{"gemm", gemmFile},
		{"pack", packFile},
		{"vector", vectorFile},
		{"activation", activationFile},
	} {
		g := &gen{Context: build.NewContext(), labels: new(int)}
		g.ConstraintExpr("!noasm")
		f.write(g)
		if err := g.save(*out, f.name); err != nil {
			fmt.Fprintln(os.Stderr, "generate", f.name+":", err)
			os.Exit(1)
		}
	}
}

// gen is one file under construction.
type gen struct {
	*build.Context
	consts map[string]bool
	labels *int
}

// function begins a routine.
func (g *gen) function(name, signature, doc string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func" + signature)
	g.Pragma("noescape")
	g.Doc(name + " " + doc)
}

func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}

func (g *gen) label(name string) string {
	*g.labels++
	return fmt.Sprintf("%s%d", name, *g.labels)
}

func (g *gen) save(dir, name string) error {
	f, err := g.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return err
	}
	sum, err := digest()
	if err != nil {
		return err
	}
	cfg := printer.Config{Name: "the generator in _avo, sources " + sum, Pkg: "kernel"}
	for suffix, p := range map[string]printer.Printer{
		"_amd64.s":       printer.NewGoAsm(cfg),
		"_decl_amd64.go": printer.NewStubs(cfg),
	} {
		text, err := p.Print(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+suffix), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
