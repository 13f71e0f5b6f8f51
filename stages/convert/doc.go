// Package convert is the stage `convert`: weights of one format and layout into another.
//
//	hf-model | megatron-checkpoint [+ lora] -> models/convert.Run -> checkpoint (or model)
//
// The work is done by package models/convert; this package maps parameters and ports.
//
// # Ports
//
// to: hf writes the port model, to: legacy and to: mcore write the port checkpoint.
//
// # Where to add things
//
// A parameter is a field of Params that Run hands on as a field of convert.Options.
package convert
