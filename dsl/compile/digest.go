package compile

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/belay-ml/belay/dsl/ast"
)

// digest is over what was merged, used and overridden, so that it does not change with comments or layout.
func digest(root *ast.Node, opt Options, used ...*block) string {
	h := sha256.New()
	w := bufio.NewWriter(h)
	canonical(w, root)
	fmt.Fprintf(w, "\n%q\n%q\n", opt.Params, opt.Sets)
	for _, k := range used {
		canonical(w, k.root)
		w.WriteByte('\n')
	}
	w.Flush()
	return hex.EncodeToString(h.Sum(nil))
}

// canonical writes a value in its one form: keys sorted, texts quoted, numbers as they are read.
func canonical(w *bufio.Writer, n *ast.Node) {
	switch n.Kind {
	case ast.Bool:
		w.WriteString(strconv.FormatBool(n.Bool))
	case ast.Int:
		w.WriteString(strconv.FormatInt(n.Int, 10))
	case ast.Float:
		w.WriteString("float " + strconv.FormatFloat(n.Float, 'g', -1, 64))
	case ast.Text:
		w.WriteString(strconv.Quote(n.Text))
	case ast.List:
		w.WriteByte('[')
		for _, item := range n.Items {
			canonical(w, item)
			w.WriteByte(',')
		}
		w.WriteByte(']')
	case ast.Map:
		w.WriteByte('{')
		for _, p := range slices.SortedFunc(slices.Values(n.Pairs), func(a, b *ast.Pair) int { return cmp.Compare(a.Key.Text, b.Key.Text) }) {
			w.WriteString(strconv.Quote(p.Key.Text) + ":")
			canonical(w, p.Value)
			w.WriteByte(',')
		}
		w.WriteByte('}')
	default:
		w.WriteString("null")
	}
}
