// Package view shows bytes as a string without a copy.
//
//	bytes -> String -> string
package view
