package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/testdata/goldens"
)

const module = "github.com/belay-ml/belay/"

// branch is one row of the import table: what the packages below a folder may import of ours, and
// what of others they must not.
type branch struct {
	may   []string
	never []string
}

// The import table. A prefix covers the package and everything below it.
var importTable = map[string]branch{
	"ascend":  {may: []string{"ascend"}, never: []string{"os", "io/fs", "gopkg.in/yaml.v3"}},
	"engine":  {may: []string{"engine"}},
	"dsl":     {may: []string{"dsl", "engine", "schemas"}},
	"models":  {may: []string{"models", "ascend/dtype", "ascend/tensor", "ascend/op", "ascend/optim"}},
	"stages":  {may: []string{"engine", "models", "ascend", "dsl/diag"}},
	"schemas": {},
	"recipes": {},
}

// What stages share; a stage imports no other stage.
var sharedByStages = []string{"stages/corpus", "stages/trainer", "stages/inference", "stages/sandbox", "stages/internal"}

type listed struct {
	ImportPath string
	Imports    []string
	Module     *struct{ Path string }
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Module", "./...")
	cmd.Dir = goldens.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func covers(prefixes []string, pkg string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") })
}

func TestPackagesImportOnlyWhatTheTableAllows(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, p := range packages(t) {
		pkg, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		top, _, _ := strings.Cut(pkg, "/")
		row, ok := importTable[top]
		if !ok {
			continue // cmd wires everything; testdata holds generators and test helpers
		}
		seen++
		for _, imp := range p.Imports {
			if covers(row.never, imp) {
				t.Errorf("%s imports %s, which %s never may", pkg, imp, top)
			}
			dep, ours := strings.CutPrefix(imp, module)
			if !ours || covers(row.may, dep) || top == "stages" && allowedAmongStages(pkg, dep) {
				continue
			}
			t.Errorf("%s imports %s: %s may import only %v", pkg, dep, top, row.may)
		}
	}
	if seen < 20 {
		t.Fatalf("only %d packages were looked at", seen)
	}
}

// allowedAmongStages lets a stage import its own sub packages and what stages share, and the one
// registration list import every stage.
func allowedAmongStages(pkg, dep string) bool {
	if covers(sharedByStages, dep) || pkg == "stages/all" {
		return true
	}
	own := strings.Join(strings.SplitN(pkg, "/", 3)[:2], "/")
	return covers([]string{own}, dep)
}
