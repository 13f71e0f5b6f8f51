// Package record reads training data: files of records, in order, one at a time.
//
// # Raw and Record
//
// A reader hands out Raw records: bytes and the place they came from, cheap enough to be read by one
// goroutine. Decode turns a Raw into a Record, named fields with values, and may run on many.
//
//	path -> Files -> Reader (jsonl, json, txt, csv; .gz, .zst) -> Raw -> Decode -> Record
//
// # Order
//
// A folder's files are read in name order, those of the format that most of them have; the rest is
// reported. Sub-folders are not searched. (The reference takes the order of the file system; Files can too.)
//
// # Limits
//
// No record may be larger than MaxRecord, compressed or not; nothing else is held in memory.
package record
