package fault

import "errors"

// Class is a word for a kind of error, for retry policies and run records.
type Class string

// The classes. Any stands for all of them in a policy, and is never the class of an error.
const (
	ClassTemporary Class = "temporary" // the stage says that trying again may help
	ClassTimeout   Class = "timeout"   // no end within the stage's timeout
	ClassNetwork   Class = "network"
	ClassData      Class = "data"
	ClassCompute   Class = "compute" // a command that ends with a status other than 0 is one of these
	ClassCluster   Class = "cluster"
	ClassInternal  Class = "internal"
	ClassAny       Class = "any"
)

// Classes are the words that a retry policy may use.
func Classes() []Class {
	return []Class{ClassTemporary, ClassTimeout, ClassNetwork, ClassData, ClassCompute, ClassCluster, ClassInternal, ClassAny}
}

// ClassOf is the one word that says most about an error: timeout and temporary before the band. A mistake in the
// command line or the recipe, a cancellation and nil have none: no attempt could mend them.
func ClassOf(err error) Class {
	var e *Error
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &e):
		return ClassInternal
	case e.Timeout:
		return ClassTimeout
	case e.Temporary:
		return ClassTemporary
	}
	return band(e.Code)
}

func band(code int) Class {
	switch {
	case code == Internal:
		return ClassInternal
	case code >= Data && code < Network:
		return ClassData
	case code >= Network && code < Compute:
		return ClassNetwork
	case code >= Compute && code < Cluster:
		return ClassCompute
	case code >= Cluster && code < Cluster+10:
		return ClassCluster
	}
	return ""
}

// Covers says whether a policy for a class is meant for an error. A temporary error belongs to its band too; a
// timeout does not, for whoever retries numbers that went wrong does not ask for another day of waiting.
func (c Class) Covers(err error) bool {
	of := ClassOf(err)
	switch {
	case of == "":
		return false
	case c == of, c == ClassAny:
		return true
	case of == ClassTemporary:
		return c == band(CodeOf(err))
	}
	return false
}
