package bytebpe_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok/bytebpe"
)

func TestTrainMergesTheMostFrequentPairFirst(t *testing.T) {
	t.Parallel()
	vocab, merges := bytebpe.Train(map[string]int{" low": 5, " lower": 2, " newest": 6, " widest": 3}, 262)
	want := [][2]string{{"e", "s"}, {"es", "t"}, {"l", "o"}, {"Ġ", "lo"}, {"Ġlo", "w"}, {"e", "w"}}
	if diff := cmp.Diff(want, merges); diff != "" {
		t.Errorf("merges (-want +got):\n%s", diff)
	}
	if len(vocab) != 262 || vocab[0] != "!" || vocab[220] != "Ġ" || vocab[256] != "es" {
		t.Errorf("vocabulary of %d: %q %q %q", len(vocab), vocab[0], vocab[220], vocab[256])
	}
}

func TestTrainStopsWhenNothingIsLeftToMerge(t *testing.T) {
	t.Parallel()
	vocab, merges := bytebpe.Train(map[string]int{"aaaa": 1, "b": 3}, 1000)
	if diff := cmp.Diff([][2]string{{"a", "a"}, {"aa", "aa"}}, merges); diff != "" || len(vocab) != 258 {
		t.Errorf("%d tokens, merges (-want +got):\n%s", len(vocab), diff)
	}
}

func TestTrainGivesTheSameResultEveryTime(t *testing.T) {
	t.Parallel()
	words := map[string]int{}
	for i := range 2000 {
		words[string([]byte{byte('a' + i%7), byte('a' + i%11), byte('a' + i%13), byte('a' + i%5)})] += i % 17
	}
	vocab, merges := bytebpe.Train(words, 600)
	for range 3 {
		v, m := bytebpe.Train(words, 600)
		if !cmp.Equal(v, vocab) || !cmp.Equal(m, merges) {
			t.Fatal("two runs differ")
		}
	}
}
