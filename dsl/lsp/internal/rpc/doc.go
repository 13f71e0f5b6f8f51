// Package rpc is JSON-RPC 2.0 in the framing of the language server protocol: a header with Content-Length, then
// one JSON message.
//
//	bytes -> Reader.Frame -> Decode -> Message (request, notification, answer)
//	Writer.Answer, Fail, Notify, Call -> bytes
//
// # Invariants
//
// A frame that is too long is skipped and reported; the next one is read. Memory grows with the bytes that
// arrived, not with the length that a header promises. A header without a usable length ends the conversation: nothing says
// where the next frame begins.
//
// # Why
//
// go.lsp.dev/protocol (v0.12.0, 2022) is older than protocol 3.17 and so has no position encodings, and brings zap; the framing
// and the messages are these three files.
package rpc
