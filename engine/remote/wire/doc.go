// Package wire is the HTTP client of remotes: no limit on how long a transfer takes, one on how long nothing moves.
//
//	request -> Transport -> watched body -> server -> watched body -> response
//
// # Transport
//
// Connecting has a time limit. After that a request ends when less than Trickle bytes move in an interval of Stall, in either
// direction; between the end of the request and the first byte of the answer a server has some more intervals
// to think. Proxies are taken from the environment.
//
// # Redirects
//
// Client follows them on the same host only, and never from https to http: what is sent may hold a token, and results
// of a team are nobody else's.
package wire
