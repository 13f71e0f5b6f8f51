package corpus

import "fmt"

// Sampler gives one data-parallel rank its micro batches, as sample numbers.
type Sampler interface {
	// Next is the next micro batch, or false at the end of the epoch (Random) or data (Sequential).
	// A rank without samples in a last, short batch gets an empty micro batch.
	Next() ([]int64, bool)
}

// SamplerConfig is what both samplers need to know (Megatron core 0.6, data_samplers).
type SamplerConfig struct {
	Total      int64 // samples of the data set
	Consumed   int64 // samples that training has taken before
	MicroBatch int
	Rank, DP   int
}

func (c SamplerConfig) check() error {
	switch {
	case c.Total <= 0:
		return fmt.Errorf("make sampler: no samples")
	case c.MicroBatch <= 0 || c.DP <= 0:
		return fmt.Errorf("make sampler: micro batch %d, %d data-parallel ranks", c.MicroBatch, c.DP)
	case c.Rank < 0 || c.Rank >= c.DP:
		return fmt.Errorf("make sampler: rank %d of %d", c.Rank, c.DP)
	case c.Consumed < 0:
		return fmt.Errorf("make sampler: %d samples consumed", c.Consumed)
	}
	return nil
}

// Sequential takes the samples in order: blocks of MicroBatch*DP, rank r the r-th slice.
type Sequential struct {
	cfg      SamplerConfig
	dropLast bool
	at       int64
}

// NewSequential starts at the first sample not yet consumed. dropLast leaves a last, short block out.
func NewSequential(cfg SamplerConfig, dropLast bool) (*Sequential, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Consumed >= cfg.Total {
		return nil, fmt.Errorf("make sampler: all %d samples are consumed (%d)", cfg.Total, cfg.Consumed)
	}
	return &Sequential{cfg: cfg, dropLast: dropLast, at: cfg.Consumed}, nil
}

// Next is the next micro batch of the rank.
func (s *Sequential) Next() ([]int64, bool) {
	m := int64(s.cfg.MicroBatch)
	end := s.at + m*int64(s.cfg.DP)
	if s.at >= s.cfg.Total || end > s.cfg.Total && s.dropLast {
		return nil, false
	}
	from := s.at + m*int64(s.cfg.Rank)
	out := []int64{}
	for i := from; i < min(from+m, s.cfg.Total); i++ {
		out = append(out, i)
	}
	s.at = end
	return out, true
}

// Random takes every sample once an epoch, in an order that depends on the epoch's number alone.
type Random struct {
	cfg   SamplerConfig
	epoch int64
	order []int64 // this rank's samples that are left in the epoch
}

// NewRandom starts inside the epoch that cfg.Consumed falls into. With sharding each rank owns a
// contiguous share and permutes that; without, one permutation is dealt to all ranks in turn. Call
// it again with the new count for the next epoch.
func NewRandom(cfg SamplerConfig, sharding bool) (*Random, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	m, dp := int64(cfg.MicroBatch), int64(cfg.DP)
	block := m * dp
	active := cfg.Total - cfg.Total%block
	if active == 0 {
		return nil, fmt.Errorf("make sampler: %d samples do not fill one batch of %d on %d ranks", cfg.Total, m, dp)
	}
	r := &Random{cfg: cfg, epoch: cfg.Consumed / active}
	inEpoch := cfg.Consumed % active
	if inEpoch%block != 0 {
		return nil, fmt.Errorf("make sampler: %d samples consumed in epoch %d, not a multiple of micro batch %d x %d ranks", inEpoch, r.epoch, m, dp)
	}
	rng := NewMT19937(uint32(r.epoch))
	if sharding {
		size := cfg.Total / block * m
		first := int64(cfg.Rank) * size
		r.order = rng.Permutation(int(size))[inEpoch/dp:]
		for i := range r.order {
			r.order[i] += first
		}
		return r, nil
	}
	all := rng.Permutation(int(cfg.Total / m * m))[inEpoch:]
	for i := int64(cfg.Rank); i < int64(len(all)); i += dp {
		r.order = append(r.order, all[i])
	}
	return r, nil
}

// Epoch is the number of the epoch.
func (r *Random) Epoch() int64 { return r.epoch }

// Next is the next micro batch of the rank.
func (r *Random) Next() ([]int64, bool) {
	m := r.cfg.MicroBatch
	if len(r.order) < m {
		return nil, false
	}
	out := r.order[:m:m]
	r.order = r.order[m:]
	return out, true
}
