package optim

import "math"

// ClipFactor is what gradients of this norm are multiplied with so that their norm stays below limit:
// limit/(norm + 1e-6), never above 1. A limit of 0 or below means no clipping. A norm that is not a
// number gives a factor that is not one either, so that the fault stays visible; an infinite one gives 0.
func ClipFactor(norm, limit float64) float64 {
	if limit <= 0 {
		return 1
	}
	f := limit / (norm + 1e-6)
	if math.IsNaN(f) {
		return f
	}
	return min(f, 1)
}
