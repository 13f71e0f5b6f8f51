// Package metric reads the numbers that a stage wrote about its result.
//
//	port of kind metrics -> metrics.json in it, or the file that it is -> Set
//
// # Set
//
// Numbers by name. An object inside the object gives names with a dot: {"mmlu": {"acc": 0.4}} is mmlu.acc. What is no
// number is left out; the texts NaN, +Inf and -Inf are the numbers that JSON cannot spell.
//
// # Invariants
//
// Size, depth and the number of names are bounded. Reading the same bytes gives the same set.
package metric
