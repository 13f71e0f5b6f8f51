// Package dir keeps blobs as files below a folder, which may lie on a file system that several machines share.
//
//	Put: temporary file in v1/tmp, checked, fsync -> rename     PutNew: the same -> hard link, which fails where there is one
//
// Nobody needs to lock: both steps are atomic on local file systems and over NFS. The folder itself must exist: a file
// system that is not mounted is not an empty remote.
package dir
