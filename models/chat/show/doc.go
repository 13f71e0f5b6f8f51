// Package show makes it visible how a conversation reads for a model: its text cut into pieces, which of them are special
// tokens and which are learned.
//
//	text and spans, or ids and labels -> FromText, FromIDs -> Sample -> WriteText, WriteIDs, WriteHTML
package show
