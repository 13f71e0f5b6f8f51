package convert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/models/ckpt"
)

// Manifest lists the canonical tensors that a conversion wrote. Two results with equal digests hold the same model,
// whatever their formats and layouts.
type Manifest struct {
	Format  int             `json:"format"` // 1
	Family  string          `json:"family"`
	From    Format          `json:"from"`
	To      Format          `json:"to"`
	Tensors []ManifestEntry `json:"tensors"`
}

// ManifestEntry is a tensor as it reads back from the result, padding of the vocabulary included.
type ManifestEntry struct {
	Name   string `json:"name"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	SHA256 string `json:"sha256,omitempty"` // of the elements, little-endian; known when the result was verified
}

// Write writes the manifest as JSON, a tensor a line.
func (m Manifest) Write(w io.Writer) error {
	var b bytes.Buffer
	head, err := json.Marshal(m.Family)
	if err != nil {
		return err
	}
	fmt.Fprintf(&b, "{\"format\": %d, \"family\": %s, \"from\": %q, \"to\": %q, \"tensors\": [", m.Format, head, m.From, m.To)
	for i, e := range m.Tensors {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		b.Write(line)
	}
	b.WriteString("\n]}\n")
	_, err = w.Write(b.Bytes())
	return err
}

// manifestOf lists what is written, without digests.
func manifestOf(rep Report, src ckpt.Source) Manifest {
	m := Manifest{Format: 1, Family: rep.Family, From: rep.From, To: rep.To}
	for _, i := range src.List() {
		m.Tensors = append(m.Tensors, ManifestEntry{Name: i.Name, DType: i.DType.String(), Shape: i.Shape})
	}
	return m
}

// verify reads the result back as canonical tensors, compares each with what was to be written, and fills in the
// digests.
func (m *Manifest) verify(ctx context.Context, want ckpt.Source, opt Options) error {
	have, _, err := OpenCanonical(opt.Out, OpenOptions{Family: opt.Family, FamilyDir: opt.FamilyDir, Template: opt.Template, KeepPadding: true})
	if err != nil {
		return err
	}
	defer have.Close()
	infos := map[string]ckpt.Info{}
	for _, i := range have.List() {
		infos[i.Name] = i
	}
	if len(infos) != len(m.Tensors) {
		return fmt.Errorf("%d tensors were written, %d read back", len(m.Tensors), len(infos))
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(opt.Workers, 1))
	for k, i := range want.List() {
		h, ok := infos[i.Name]
		if !ok || h.DType != i.DType || !slices.Equal(h.Shape, i.Shape) {
			g.Go(func() error {
				return fmt.Errorf("tensor %s: %v %v was written, %v %v reads back", i.Name, i.DType, i.Shape, h.DType, h.Shape)
			})
			break
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			sum, err := sameBytes(want, have, i.Name)
			m.Tensors[k].SHA256 = sum
			return err
		})
	}
	return g.Wait()
}

// sameBytes compares a tensor of two sources and gives its digest.
func sameBytes(want, have ckpt.Source, name string) (string, error) {
	a, err := want.Bytes(name)
	if err != nil {
		return "", err
	}
	b, err := have.Bytes(name)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(a, b) {
		return "", fmt.Errorf("tensor %s: reads back with other elements", name)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
