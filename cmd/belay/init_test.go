package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/testdata/goldens"
)

// goFiles calls f with every hand-written Go file of the product.
func goFiles(t *testing.T, f func(path string, file *ast.File)) {
	t.Helper()
	root := goldens.Root(t)
	set := token.NewFileSet()
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		if ast.IsGenerated(file) {
			return nil
		}
		n++
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f(filepath.ToSlash(rel), file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 50 {
		t.Fatalf("only %d files were looked at", n)
	}
}

func TestNoFileHasAnInitFunction(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path string, file *ast.File) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has func init", path)
			}
		}
		for _, i := range file.Imports {
			if i.Name != nil && i.Name.Name == "_" && i.Path.Value != `"embed"` {
				t.Errorf("%s imports %s for its effects", path, i.Path.Value)
			}
		}
	})
}

func TestEveryPackageHasADocFile(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	packages := map[string]bool{}
	goFiles(t, func(path string, file *ast.File) {
		dir := filepath.ToSlash(filepath.Dir(path))
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(dir, "testdata") {
			return
		}
		packages[dir] = true
		if file.Doc != nil && (filepath.Base(path) == "doc.go" || dir == "cmd/belay") {
			documented[dir] = true
		}
	})
	for dir := range packages {
		if !documented[dir] {
			t.Errorf("%s has no doc.go with a package comment", dir)
		}
	}
}
