// Package record reads training data: files of records, in order, one at a time.
//
// # Raw and Record
//
// A reader hands out Raw records: bytes and the place they came from, cheap enough to be read by one
// goroutine. Decode turns a Raw into a Record, named fields with values, and may run on many.
//
//	path -> Files -> Reader (jsonl, json, txt, csv, tsv, arrow; .gz, .zst; parquet) -> Raw -> Decode -> Record
//
// The rows of tables (arrowfile, parquetfile) are taken apart by Decode too, into the same values as JSON.
//
// # Order
//
// A folder's files are read in name order, each by its own format; what is no data is reported. Folders in it are not
// searched: a pattern reaches them. (The reference reads one format, that of most files, in the order of the file system;
// Files can too.)
//
// # Mistakes
//
// An error that is about one record is a Mistake, with a reason to count it by; the reader can go on behind it. Any other
// error is a reader's last.
//
// # Limits
//
// No record may be larger than MaxRecord, compressed or not; a line costs no memory of its own, and of a table a batch of
// rows or a page of each column is held.
//
// # Where to add things
//
// A format: its extension in formats, and its Reader in File.open.
package record
