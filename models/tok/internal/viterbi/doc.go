// Package viterbi finds the best way to cut a text into tokens by the sum of their scores.
//
//	text, tokens with scores -> Model.Best -> steps
//
// Sums are kept in the precision of the type parameter and compared in double precision, as the libraries for
// unigram models do it: that decides between ways that are nearly equal. Of equal sums the one found first wins.
package viterbi
