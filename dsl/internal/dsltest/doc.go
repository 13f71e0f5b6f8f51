// Package dsltest has fake stages for the language's tests. They are shaped like real ones, with inputs,
// kinds, nested parameters and ports that depend on values, and never run.
package dsltest
