// Package remotetest holds what every kind of bucket must do, and buckets that lie.
//
//	Bucket(t, open)  the promises of remote.Bucket, and a result that goes there and back
//	Faulty           a bucket in front of another, that fails or lies as a test says
package remotetest
