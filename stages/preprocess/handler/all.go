package handler

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnknown is in the error for a name that no handler has.
var ErrUnknown = errors.New("unknown style")

// All lists the kinds of records, in the order of the documentation.
func All() []Kind {
	return []Kind{
		pretrainKind(),
		alpacaKind(),
		sharegptKind(),
		alpacaPairwiseKind(),
		sharegptPairwiseKind(),
		alpacaPretrainKind(),
		generalKind(),
		belleKind(),
		mossKind(),
		mossMultiTurnKind(),
		leetcodeKind(),
		stackOverflowKind(),
		llamafactoryKind(),
	}
}

// Lookup finds a kind by its style or by the reference's name.
func Lookup(name string) (Kind, error) {
	var styles []string
	for _, k := range All() {
		if name == k.Style || name == k.Reference {
			return k, nil
		}
		styles = append(styles, k.Style)
	}
	return Kind{}, fmt.Errorf("%w %q: want %s (or the reference's handler name)", ErrUnknown, name, strings.Join(styles, ", "))
}
