package record

import (
	"errors"
	"fmt"
)

// The reasons for which a reader gives up a record. They are counted, so they name no place.
const (
	NotJSON   = "broken JSON"
	NotUTF8   = "invalid UTF-8"
	Surrogate = "lone surrogate"
	WrongType = "wrong type"
	WrongForm = "wrong shape"
	TooLong   = "record too large"
	Twice     = "duplicate key"
)

// Mistake is what is wrong with one record. The reader that gave it stands behind that record, and
// can go on; any other error of a reader is its last.
type Mistake struct {
	Reason string
	Err    error // names the place
}

func (m *Mistake) Error() string { return m.Err.Error() }

// Unwrap gives the error that names the place.
func (m *Mistake) Unwrap() error { return m.Err }

// Errorf makes a Mistake of a record at a place.
func (p Place) Errorf(reason, format string, args ...any) error {
	return &Mistake{Reason: reason, Err: fmt.Errorf("%s: %w", p, fmt.Errorf(format, args...))}
}

// Reason is the reason of the Mistake in err, or what an error that names none is counted as.
func Reason(err error) string {
	var m *Mistake
	if errors.As(err, &m) {
		return m.Reason
	}
	return WrongForm
}

// Skippable says whether an error of a reader is about one record only.
func Skippable(err error) bool {
	var m *Mistake
	return errors.As(err, &m)
}
