// Package hook tells others that a run has ended: commands and web addresses.
//
//	the end of a run -> Message -> every Hook that wants it: a command's standard input, or a POST
//
// # Message
//
// What is told: JSON, made by the program, and a few facts as environment variables for commands.
//
// # Hook
//
// Whom it is told to. A delivery takes no longer than the hook's timeout, ends with its context, and its error names neither
// a secret nor the address behind the host, for addresses of chat services are secrets themselves. A web address is tried
// once more after a failed connection or an answer of 5xx. Redirects are followed only where the request stays what it is: to
// the same scheme and host, by 307 and 308. Otherwise the header, which may hold a token, would reach somebody else.
//
// A failed delivery is the caller's to warn of; it changes nothing about the run.
package hook
