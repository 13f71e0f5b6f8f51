package remote

import (
	"cmp"
	"math/bits"
	"path"
	"slices"
	"strconv"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// ResultName and BlobName say where a result and bytes lie in a bucket.
func ResultName(k key.Key) string       { return path.Join("v1", "ac", string(k)) }
func BlobName(d artifact.Digest) string { return path.Join("v1", "cas", string(d)) }

const (
	packBelow = 256 << 10 // bytes: smaller files are packed
	packSize  = 4 << 20   // bytes that a pack has on average, at most
	maxPacks  = 1 << 12
)

// blobs are the contents of a manifest's files, each once, by digest; empty ones are left out.
func blobs(m *artifact.Manifest) []store.Blob {
	seen := map[artifact.Digest]bool{}
	var out []store.Blob
	for _, f := range m.Files {
		if (f.Mode == artifact.Regular || f.Mode == artifact.Executable) && f.Size > 0 && !seen[f.Digest] {
			seen[f.Digest] = true
			out = append(out, store.Blob{Digest: f.Digest, Size: f.Size})
		}
	}
	slices.SortFunc(out, func(a, b store.Blob) int { return cmp.Compare(a.Digest, b.Digest) })
	return out
}

// packsFor is into how many packs the small ones of blobs go: a power of two, or 0 when packing saves nothing.
func packsFor(all []store.Blob) int {
	var small int
	var size int64
	for _, b := range all {
		if b.Size < packBelow {
			small++
			size += b.Size
		}
	}
	if small < 2 {
		return 0
	}
	n := uint64((size + packSize - 1) / packSize)
	return min(1<<bits.Len64(n-1), maxPacks)
}

// split puts blobs below a size into n packs by the first bits of their digests: so a changed file changes one pack,
// and the same files make the same packs. With n = 0 all travel alone.
func split(all []store.Blob, below int64, n int) (alone []store.Blob, packs [][]store.Blob) {
	packs = make([][]store.Blob, n)
	for _, b := range all {
		if n == 0 || b.Size >= below {
			alone = append(alone, b)
			continue
		}
		first, _ := strconv.ParseUint(string(b.Digest[:4]), 16, 16) // a valid digest
		i := int(first) * n >> 16
		packs[i] = append(packs[i], b)
	}
	return alone, packs
}

// Object is a blob of a remote that a result needs, with what it holds, one after the other.
type Object struct {
	Name  string
	Blobs []store.Blob
}

// Objects are all that a result needs but for itself.
func (r *Result) Objects() []Object {
	alone, packs := split(blobs(r.Manifest), r.Packs.Below, len(r.Packs.Digests))
	out := make([]Object, 0, len(alone)+len(packs))
	for _, b := range alone {
		out = append(out, Object{BlobName(b.Digest), []store.Blob{b}})
	}
	for i, members := range packs {
		if len(members) > 0 {
			out = append(out, Object{BlobName(r.Packs.Digests[i]), members})
		}
	}
	return out
}

func total(all []store.Blob) int64 {
	var n int64
	for _, b := range all {
		n += b.Size
	}
	return n
}
