package pretok

// known is the Scanner of a well-known pattern, nil when it is none.
func known(pattern string) Scanner {
	switch pattern {
	case GPT2Pattern:
		return GPT2()
	case Llama3Pattern:
		return Llama3()
	case Qwen2Pattern:
		return Qwen2()
	case BloomPattern:
		return Bloom()
	case DeepSeek3Pattern:
		return DeepSeek3()
	case TrailingPattern:
		return Trailing()
	}
	return parseRuns(pattern)
}
