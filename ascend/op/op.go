package op

import (
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/tensor"
)

// Backend runs the fused operations on one device.
type Backend interface {
	// Name is the backend's name in recipes and cache keys ("cpu").
	Name() string

	Memory
	Linear
	Norm
	Attention
	Activation
	Loss
	Update
}

// Memory moves elements between the host and the device.
type Memory interface {
	// Alloc gives zeroed memory; rows x cols elements, contiguous.
	Alloc(dt dtype.DType, rows, cols int) tensor.Tensor
	// Upload writes src, row-major, over t. len(src) must be t.Len().
	Upload(t tensor.Tensor, src []float32)
	// Download reads t, row-major, into dst. len(dst) must be t.Len().
	Download(dst []float32, t tensor.Tensor)
	// Zero clears t.
	Zero(t tensor.Tensor)
	// Copy writes src over dst, of equal shape.
	Copy(dst, src tensor.Tensor)
}

// Linear is matrix products and what goes with them.
type Linear interface {
	// MatMul computes c = alpha*op(a)*op(b) + beta*c, where op transposes when its flag is set.
	// beta 0 never reads c. The sum over the inner dimension has one fixed order.
	MatMul(c, a, b tensor.Tensor, transA, transB bool, alpha, beta float32)
	// AddRow adds the vector b (1 x n) to every row of y (m x n).
	AddRow(y, b tensor.Tensor)
	// SumRows accumulates the column sums of dy (m x n) into db (1 x n).
	SumRows(db, dy tensor.Tensor)
	// Add computes dst += alpha*src, of equal shape.
	Add(dst, src tensor.Tensor, alpha float32)
	// Scale computes t *= alpha.
	Scale(t tensor.Tensor, alpha float32)
}

// Norm is root-mean-square normalisation (Zhang and Sennrich 2019): y = x * rstd * w with
// rstd = 1/sqrt(mean(x^2) + eps), one rstd a row.
type Norm interface {
	// RMSNorm writes y (M x H) and rstd (1 x M). w is 1 x H.
	RMSNorm(y, rstd, x, w tensor.Tensor, eps float32)
	// RMSNormBackward accumulates into dx (M x H) and, when it is valid, into dw (1 x H).
	RMSNormBackward(dx, dw, dy, x, w, rstd tensor.Tensor)
}

// RopeSpec says how rotary position embedding turns a head (Su et al. 2021).
type RopeSpec struct {
	HeadDim int
	// InvFreq holds one angle a position for each rotated pair; 2*len(InvFreq) <= HeadDim elements of
	// the head are turned, the rest pass.
	InvFreq []float64
	// Scale multiplies cos and sin (yarn); 0 means 1.
	Scale float64
	// Interleaved pairs elements (2i, 2i+1) instead of (i, i + rotated/2).
	Interleaved bool
}

// AttentionSpec describes the sequences of a micro batch and the form of attention.
type AttentionSpec struct {
	Heads, KVHeads, HeadDim int
	// Scale multiplies q.k.
	Scale float32
	// CuSeqlens holds the cumulative ends of the sequences with a leading 0 (as flash attention's
	// varlen form): sequence s is rows [CuSeqlens[s], CuSeqlens[s+1]). Attention is causal inside a
	// sequence and never crosses one.
	CuSeqlens []int32
	// Window limits a query to itself and the Window-1 keys before it; 0 means all.
	Window int
	// Softcap c turns a score s into c*tanh(s/c) before the mask; 0 means none.
	Softcap float32
	// AlibiSlopes, one a head, adds slope*(key - query) to a score; nil means none.
	AlibiSlopes []float32
}

// Attention is rotary embedding and scaled dot-product attention in tiles (Dao et al. 2022).
type Attention interface {
	// Rope turns every head of x (M x heads*D) in place by its row's position; inverse turns back,
	// which is the gradient. pos has M entries.
	Rope(x tensor.Tensor, pos []int32, spec *RopeSpec, inverse bool)
	// Attention writes o (M x N*D) and lse (N x M), the log of each softmax sum. q is M x N*D; k and v
	// are M x K*D.
	Attention(o, lse, q, k, v tensor.Tensor, spec *AttentionSpec)
	// AttentionBackward writes dq, dk and dv, shaped as q, k and v.
	AttentionBackward(dq, dk, dv, do, o, lse, q, k, v tensor.Tensor, spec *AttentionSpec)
	// AttentionCached attends from new rows to a cache: row r of q is at position pos[r] of cache slot
	// slot[r] and sees rows [0, pos[r]] of that slot. kcache and vcache hold slots of maxLen rows, K*D
	// wide, back to back. CuSeqlens is not read.
	AttentionCached(o, q, kcache, vcache tensor.Tensor, slot, pos []int32, maxLen int, spec *AttentionSpec)
	// CacheStore copies row r of x to row pos[r] of slot slot[r] of the cache.
	CacheStore(cache, x tensor.Tensor, slot, pos []int32, maxLen int)
}

// Act names the activation of a gated feed-forward layer.
type Act uint8

// The activations that model families use.
const (
	SiLU     Act = iota // x*sigmoid(x)
	GELUTanh            // the tanh form (Hendrycks and Gimpel 2016)
	GELUErf             // the exact form
)

// Activation is the non-linear part of the feed-forward layer and the embedding look-up.
type Activation interface {
	// Gated writes y = act(gate)*up, all M x F (GLU variants, Shazeer 2020).
	Gated(y, gate, up tensor.Tensor, act Act)
	// GatedBackward writes dgate and dup from dy.
	GatedBackward(dgate, dup, dy, gate, up tensor.Tensor, act Act)
	// Embed writes row ids[i] of table (V x H) to row i of y (M x H).
	Embed(y, table tensor.Tensor, ids []int32)
	// EmbedBackward accumulates row i of dy into row ids[i] of dtable.
	EmbedBackward(dtable, dy tensor.Tensor, ids []int32)
}

// Loss is the softmax cross entropy over the vocabulary.
type Loss interface {
	// CrossEntropy writes each row's loss, -log softmax(logits)[target], to loss (length M, 0 where the
	// target is negative) and, when grad is set, turns logits into scale*(softmax - onehot), or 0 for
	// those rows.
	CrossEntropy(loss []float32, logits tensor.Tensor, targets []int32, scale float32, grad bool)
	// LogProbs gathers log softmax(logits)[ids[i]] of row i into out and says in greedy whether ids[i]
	// is the row's (first) maximum.
	LogProbs(out []float32, greedy []bool, logits tensor.Tensor, ids []int32)
}

// AdamW holds one step's constants of decoupled weight decay Adam (Loshchilov and Hutter 2019).
type AdamW struct {
	LR, Beta1, Beta2, Eps, WeightDecay float32
	// Step counts from 1; it corrects the bias of both moments.
	Step int
	// GradScale multiplies the gradient first (clipping).
	GradScale float32
}

// Update is what an optimizer does to parameters.
type Update interface {
	// SumSquares is the sum of squares of t in float64, in an order fixed by the shape.
	SumSquares(t tensor.Tensor) float64
	// AdamW updates the parameter p and its moments m and v in place from the gradient g.
	AdamW(p, g, m, v tensor.Tensor, c AdamW)
}
