package dir_test

import (
	"testing"

	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/dir"
	"github.com/belay-ml/belay/engine/remote/remotetest"
)

func TestAFolderIsABucket(t *testing.T) {
	t.Parallel()
	remotetest.Bucket(t, 3<<20, func(t *testing.T) remote.Bucket { return dir.Open(t.TempDir()) })
}
