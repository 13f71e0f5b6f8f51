// Package idle keeps working memory between calls, a bounded number of pieces and for good, where sync.Pool may drop it
// at any time.
//
//	List.Take -> work -> List.Put
package idle
