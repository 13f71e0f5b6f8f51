// Package param turns a stage's parameter struct into a schema, and given values into that struct.
//
// A parameter struct is a plain Go struct whose exported fields carry tags:
//
//	yaml:"seq_length"            the name in recipes
//	alias:"seq_len,cutoff"       other accepted spellings
//	doc:"sequence length in tokens"
//	default:"2048"               YAML 1.2 core text; absent means the zero value
//	required:"true"
//	min:"1" max:"65536"          bounds, inclusive
//	enum:"full,lora"             accepted words
//	kind:"hf-model,tokenizer"    accepted artifact kinds of an input field
//	key:"no"                     not part of the cache key; key:"secret" is never written
//
// Field types: string, bool, int, int64, float64, slices and string-keyed maps of those, nested
// structs, and artifact.Ref, []artifact.Ref and map[string]artifact.Ref for inputs. A pointer to a
// scalar tells an absent value from a zero one.
//
//	struct -> Of -> Schema -> Normalize (aliases, defaults, bounds) -> Decode -> struct
//
// The JSON Schemas, `belay stage KIND --help` and the checker all read the same Schema.
package param
