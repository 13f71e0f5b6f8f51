// Package sftp keeps blobs as files below a folder of a machine that ssh reaches.
//
//	Options -> login: settings of ssh, keys, host key -> session: one connection, many requests side by side -> Bucket
//	Put: temporary file in v1/tmp, checked, fsync -> posix-rename     PutNew: the same -> hard link, which fails where there is one
//
// # Session
//
// The connection is made at the first request and again at the first one after it broke. All requests share it: a file
// is read and written by many requests at once. A session ends when too little moves while an answer is awaited, and
// a second after the end of a context whose request hangs; its other requests fail and are tried again on a new one.
//
// # Login
//
// ~/.ssh/config and /etc/ssh/ssh_config give alias, user, port, machines to jump over (ProxyJump), keys and files of known
// hosts. Keys come from the file that the address names, else from the agent and the usual files. Nobody is asked for a
// password or pass phrase: a program that runs for days has nobody to ask. So an encrypted key counts only when an agent
// holds it.
//
// # Host keys
//
// A host whose key is not in a file of known hosts, or another than there, is refused, whatever the settings say about
// StrictHostKeyChecking. The message says how to look at the key and take it.
//
// # Why settings are read here
//
// github.com/kevinburke/ssh_config gives up the whole file at "Match final", "Match user" and "Match exec"; the first stands in
// /etc/ssh of the Fedora and openEuler families. What a login needs is ten keywords, so settings.go reads those, leaves
// out the blocks that only a second pass or a command would turn on, and refuses what it cannot honour (ProxyCommand).
//
// # Invariants
//
// The folder must exist: a wrong path is not an empty remote. A file has its name when it is whole. No request is answered by
// a machine whose key is not known.
//
// # Where to add things
//
// A keyword of ssh's settings: keywords in settings.go, and what a login makes of it in login.go.
package sftp
