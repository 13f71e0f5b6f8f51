// Package torchpt reads and writes PyTorch's checkpoint files without Python and without running
// anything that a file asks for.
//
//	path -> zip or legacy container -> restricted pickle machine -> values -> File (a ckpt.Source)
//	values -> Create / Write -> zip container that torch.load reads
//
// # Machine
//
// The machine builds values: nil, bool, int64, *big.Int, float64, string, []byte, Tuple, *List, *Dict,
// *Set, Global, *Object and *Tensor. A Global is only a name. Calling one of a handful that PyTorch's
// own files use builds the value that the call would give; calling any other keeps an *Object with the
// name and the arguments, so that training state of unknown classes does not prevent reading the
// weights. Nothing is imported and nothing is ever run. A file that names a function of the
// interpreter or the system (os.system, builtins.eval, ...) is refused: no checkpoint needs one.
// Work and memory are bounded by the length of the pickle.
//
// # File
//
// A File gives its tensors lazily from the memory map. Tensor names are the paths through the
// dictionaries, joined with dots. Views with strides are made contiguous when they are read.
//
// # Writer
//
// A Writer knows the whole structure from the start, so every tensor has its place in the file and is
// put there in any order, also concurrently. Entries are stored, aligned to 64 bytes as PyTorch does;
// sizes over 4 GiB use the zip64 records.
package torchpt
