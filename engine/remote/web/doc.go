// Package web keeps blobs on a web server that takes GET, HEAD and PUT: nginx with its dav module, a server of Bazel's
// HTTP cache protocol, or anything with a folder behind it.
//
// A bearer token is sent when there is one. Reads go on with Range where the server knows it. PutNew asks by HEAD
// first and sends If-None-Match: *, for servers that know that.
package web
