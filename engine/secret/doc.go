// Package secret keeps values that only a running stage may see out of everything that is written.
//
//	recipe: "Bearer ${secret.TOKEN}" -> Text, which holds the name -> keys, records, reports
//	                                    Text -> Reveal, just before Run -> the value
//	values -> Redactor -> events, errors, notes
//
// # Text
//
// A value of a parameter or variable with the names of secrets in the places of their values. It is what the graph, keys
// and records hold, so none of them can hold the value.
//
// # Redactor
//
// Cuts values, and the usual encodings of them, out of what a stage says.
package secret
