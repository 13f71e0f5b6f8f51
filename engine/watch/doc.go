// Package watch tells when files change, for runs that are repeated.
//
//	Add(path) before it is read -> inotify on folders, or polling -> debounced -> Wait: what changed
//
// # Watcher
//
// It watches single files through the folder they lie in, since editors save by renaming, and folders with all that is
// below them, through links too. A path that is not there yet is waited for. Folders are watched, not files, so one of
// 20,000 files costs one watch.
//
// # Generations
//
// What is watched changes from run to run. Renew begins a new generation, Add puts paths into it, and Wait forgets what
// only older ones had. A path is added before it is read: no change between the reading and the waiting is lost, and what
// changes while a run goes on is told by the next Wait at once.
//
// # Polling
//
// Where the kernel has no more watches to give (fs.inotify.max_user_watches), the watcher says so once and compares the
// states of all files every second or so instead.
package watch
