// Package hfdownload is the stage hf-download: a model or data repository of a Hugging Face hub, at
// one commit, as a plain folder.
//
//	revision -> commit -> tree pages -> patterns -> part files -> checked blobs -> folder
//
// # Protocol
//
// Three requests of the hub are used, and nothing else:
//
//	GET /api/{models,datasets}/ORG/NAME/revision/REV             the commit behind a branch or tag
//	GET /api/{models,datasets}/ORG/NAME/tree/COMMIT?recursive=true   files, in pages joined by Link: rel="next"
//	GET /{datasets/}ORG/NAME/resolve/COMMIT/PATH                  bytes, often by a redirect to a content network
//
// The tree says each file's digest: the SHA-256 of a file in LFS, the git blob SHA-1 of a small one.
// Nothing is published whose bytes do not have it, so neither the content network nor a cut
// connection can change a result.
//
// # Where the bytes come from
//
// The parameter `mirror` is a folder (models/ORG/NAME/..., datasets/ORG/NAME/...) that package hub
// serves to the stage in this process, over the same protocol. It is an input: its path is taken
// relative to the recipe and its content is digested, so a changed file in it makes the stage stale.
// Without it `endpoint` is asked, then the environment variable HF_ENDPOINT, then huggingface.co.
// `endpoint: file:///absolute/folder` is served like a mirror, but a parameter is only text to the
// cache key: a change in that folder is not seen. Relative file: endpoints are refused because a
// stage does not know where its recipe lies.
//
// # Keys
//
// What was asked is in the key: repo, repo_type, revision, patterns, endpoint, the mirror's digest. A
// branch such as main is a moving target: its first download stays until it is forced, the recipe
// names a commit, or belay.lock pins the branch to one, which then stands in the key in its place (Floats and Pin
// in pin.go). The commit that was found is noted in the output's manifest under "commit".
//
// With belay.lock and the result in the store nothing touches the network. HF_HUB_OFFLINE makes sure: it
// forbids all hubs that are not folders.
//
// # Interruptions
//
// In.Work holds part files (.incomplete, with the ETag they belong to) and checked blobs. A later run
// with the same key continues each part with Range and If-Range; whatever it finds is hashed again.
//
// # Secrets
//
// HF_TOKEN is sent to the endpoint's own origin and to no other, and every error and event passes a
// filter that blanks it. Query strings, which carry signatures of content networks, are left out of messages.
package hfdownload
