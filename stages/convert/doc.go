// Package convert is the stage `convert`: weights of one format and layout into another.
//
//	hf-model | megatron-checkpoint [+ lora] -> models/convert.Run -> checkpoint (or model)
//
// The work is done by package models/convert; this package maps parameters and ports.
package convert
