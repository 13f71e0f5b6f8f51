// Package philox is the counter-based random number generator Philox4x32-10 (Salmon, Moraes, Dror and
// Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
//
//	seed -> Key; Key + counter -> Block -> four words -> uniform or normal numbers
//
// # Key and counter
//
// The output is a function of a key and a counter alone: nothing is carried from one draw to the next,
// so initial weights and sampled tokens do not depend on the order or the grouping of the work.
package philox
