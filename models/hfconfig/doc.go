// Package hfconfig reads a Hugging Face config.json into canonical hyper-parameters and writes it
// back.
//
//	config.json -> Parse -> Config -> decoder, converter
//	                        Config -> JSON -> config.json
//
// # Config
//
// Config holds what the decoder and the converter need, under one name a concept, whatever the family
// called it. Raw keeps the whole document, so that writing a config back loses nothing that belay does
// not know. JSON starts from Raw and replaces only the fields whose canonical value changed.
//
// # Class
//
// A class is one transformers model class: the names in "architectures", the model_type, its own keys for
// the common fields, the values it assumes for absent keys, and which of the optional features it has. The
// table is in classes.go; a new llama-shaped family is one line there. What a class has beyond the common
// fields is bound by extras, and what follows from the fields is filled by finish.
//
// # Block
//
// Block, MLA and MoE say how a layer differs from llama's. Plain is the answer whether it does: then the
// weights convert, but the decoder does not compute with them.
//
// # Absent and null
//
// Both mean the same, except where a class documents a default for the absent key.
//
// # Rotary frequencies
//
// InvFreq gives the angle a position of every rotated pair in float64, after linear or llama3
// scaling. dynamic and yarn scaling parse, so that such checkpoints convert, but InvFreq refuses them.
//
// # Limits
//
// Documents above MaxSize are refused, and so are sizes above maxDim: no document can ask for memory
// out of proportion to itself.
package hfconfig
