package decoder

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
	"github.com/belay-ml/belay/models/ckpt"
)

// Export shows the base parameters as a checkpoint of float32 tensors with canonical names. A tensor
// is read from the device when it is asked for.
func (m *Model) Export() ckpt.Source { return m.ExportAs(dtype.F32) }

// ExportAs rounds to another floating-point type (F32, BF16, F16 or F64) on the way.
func (m *Model) ExportAs(dt dtype.DType) ckpt.Source { return newView(m.be, m.Params(), dt) }

// Export shows the moments as a checkpoint: exp_avg.NAME and exp_avg_sq.NAME, float32.
func (o *Optimizer) Export() ckpt.Source { return newView(o.m.be, o.state(), dtype.F32) }

// Load fills the moments from what Export showed.
func (o *Optimizer) Load(src ckpt.Source) error {
	if err := o.m.fill(src, o.state(), false); err != nil {
		return fmt.Errorf("load optimizer: %w", err)
	}
	return nil
}

func (o *Optimizer) state() []Param {
	var out []Param
	for _, s := range o.Moments() {
		out = append(out,
			Param{Name: "exp_avg." + s.Name, Shape: s.Shape, Data: s.ExpAvg},
			Param{Name: "exp_avg_sq." + s.Name, Shape: s.Shape, Data: s.ExpAvgSq})
	}
	return out
}

// view is a ckpt.Source over device tensors.
type view struct {
	be    op.Backend
	infos []ckpt.Info
	data  map[string]tensor.Tensor
	dt    dtype.DType
}

func newView(be op.Backend, params []Param, dt dtype.DType) *view {
	v := &view{be: be, dt: dt, data: map[string]tensor.Tensor{}}
	for _, p := range params {
		v.infos = append(v.infos, ckpt.Info{Name: p.Name, DType: dt, Shape: p.Shape})
		v.data[p.Name] = p.Data
	}
	return v
}

func (v *view) List() []ckpt.Info { return v.infos }

func (v *view) Bytes(name string) ([]byte, error) {
	t, ok := v.data[name]
	if !ok {
		return nil, fmt.Errorf("export %s: no such tensor", name)
	}
	host := make([]float32, t.Len())
	v.be.Download(host, t)
	out := make([]byte, len(host)*v.dt.Size())
	if err := narrow(out, host, v.dt); err != nil {
		return nil, fmt.Errorf("export %s: %w", name, err)
	}
	return out, nil
}

func (v *view) Close() error { return nil }
