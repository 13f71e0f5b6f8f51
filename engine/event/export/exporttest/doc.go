// Package exporttest is a run that exports are tested with: it has every state, a matrix, a source file and a source folder,
// files that are known and an artifact whose listing is gone.
package exporttest
