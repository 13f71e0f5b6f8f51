package optim

// Group modifies the schedule for some parameters. The zero Group stops them; see [NewGroup].
type Group struct {
	// LRMult and WDMult multiply what the schedule says.
	LRMult, WDMult float64
	// MaxLR and MinLR replace the schedule's, for an embedding or head with a learning rate of its own.
	MaxLR, MinLR *float64
}

// NewGroup is the group of parameters that decay or not, and otherwise follow the schedule.
func NewGroup(decays bool) Group {
	if decays {
		return Group{LRMult: 1, WDMult: 1}
	}
	return Group{LRMult: 1}
}
