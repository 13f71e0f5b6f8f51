// Package s3 keeps blobs as objects of an S3 bucket, of Amazon or of any server that speaks its protocol.
//
//	Put: up to 64 MiB one request, with its SHA-256 for the server to check; larger ones in parts of that size
//	PutNew: the same with If-None-Match: *
//
// # Broken uploads
//
// An upload in parts that broke off goes on: parts that the server holds with the right SHA-256 are not sent again. Where
// a server does not tell digests of parts the upload begins anew. Unfinished uploads that nobody goes on with should be removed
// by a lifecycle rule of the bucket (AbortIncompleteMultipartUpload).
//
// # Rights
//
// Reading takes s3:GetObject and s3:ListBucket (without which S3 answers 403 for what is not there), although nothing is
// listed; writing s3:PutObject, s3:ListMultipartUploadParts and s3:AbortMultipartUpload besides.
package s3
