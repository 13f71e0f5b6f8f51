// Package secret keeps values that only a running stage may see out of everything that is written.
//
//	recipe: "Bearer ${secret.TOKEN}" -> Text, which holds the name -> keys, records, reports
//	                                    Text -> Reveal, just before Run -> the value
//	values -> Redactor -> events, errors, notes
//
// # Text
//
// A value of a parameter or variable with the names of secrets in the places of their values. It is what the graph, keys
// and records hold, so none of them can hold the value. Another value of a secret makes nothing stale, unless the
// workspace asks for it: then keys hold a digest of the value, salted so that nobody can try values against it.
//
// # Redactor
//
// Cuts values out of what is said: whole, line by line, and in the usual encodings (JSON, URL, base64, hex) of either.
// An encoding of a longer text that holds the value is not recognised, and neither is a value in pieces: who breaks texts
// asks Break where. Values shorter than MinLength would be found in any text, so stages are not given such.
package secret
