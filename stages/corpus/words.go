package corpus

import "unsafe"

// littleEndian says whether the machine keeps numbers as the files do, so that ids of 32 bits are copied as they are.
func littleEndian() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}

// idsOf is memory of whole words, from the beginning of an allocation, as ids.
func idsOf(b []byte) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// bytesOf is the memory of ids.
func bytesOf(ids []int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(ids))), 4*len(ids))
}
