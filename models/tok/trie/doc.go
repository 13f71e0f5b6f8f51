// Package trie holds byte strings in a double array, the structure with which every beginning of a text that is
// a key is found at one look a byte.
//
//	keys -> New -> Trie; text -> Next, byte by byte -> values
//
// # Trie
//
// A node is a place in the array; the child of node n by byte b stands at base[n]^b when it names n as its
// parent. Node 0 is the root. A Trie is immutable and safe for concurrent use; it stays near 1.1 times as many
// places as there are nodes.
package trie
