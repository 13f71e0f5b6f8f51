// Package all is the one list of stages; a stage that is not in it does not exist for the program.
package all
