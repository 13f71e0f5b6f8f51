package fault

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestEveryErrorHasTheClassThatSaysMost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		err    error
		want   Class
		covers []Class // besides any
	}{
		{"none", nil, "", nil},
		{"an error without a band", errors.New("x"), ClassInternal, []Class{ClassInternal}},
		{"data", New(Data, "x"), ClassData, []Class{ClassData}},
		{"the end of a band", New(29, "x"), ClassData, []Class{ClassData}},
		{"network, wrapped", fmt.Errorf("get: %w", New(Network, "x")), ClassNetwork, []Class{ClassNetwork}},
		{"compute", New(Compute, "x"), ClassCompute, []Class{ClassCompute}},
		{"cluster", New(59, "x"), ClassCluster, []Class{ClassCluster}},
		{"temporary", &Error{Code: Network, Err: errors.New("x"), Temporary: true}, ClassTemporary, []Class{ClassTemporary, ClassNetwork}},
		{"a timeout", &Error{Code: Compute, Err: errors.New("x"), Timeout: true}, ClassTimeout, []Class{ClassTimeout}},
		{"a timeout around a temporary error", &Error{Code: Compute, Err: &Error{Code: Network, Err: errors.New("x"), Temporary: true}, Timeout: true}, ClassTimeout, []Class{ClassTimeout}},
		{"a mistake in the recipe", New(Recipe, "x"), "", nil},
		{"usage", New(Usage, "x"), "", nil},
		{"a cancellation", New(Cancelled, "x"), "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := ClassOf(c.err); got != c.want {
				t.Errorf("class %q, want %q", got, c.want)
			}
			for _, class := range Classes() {
				want := slices.Contains(c.covers, class) || class == ClassAny && c.covers != nil
				if class.Covers(c.err) != want {
					t.Errorf("%s covers it: %v, want %v", class, !want, want)
				}
			}
		})
	}
}
