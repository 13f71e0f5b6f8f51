// Package chat turns conversations into token ids by named prompt templates.
//
// # Template
//
// A template is data: a YAML file under data/, whose name is the template's. It lists slots for each
// role. A slot is a text with placeholders, a token that is looked up, or the tokenizer's bos or eos.
// Every slot is tokenized by itself, without the tokenizer's own special tokens, so two slots are not
// the same as their texts joined.
//
// # Bound
//
// Bind fits a template to a tokenizer: it adds stop words, replaces the eos token where the template
// says so, refuses a template whose tokens the tokenizer lacks, and tokenizes what is constant.
//
// # Dialogue
//
// Encode writes a conversation to a Dialogue, which may be used again: the ids, and for each round how
// many of them the model reads and answers. A limit cuts rounds by the shares of question and answer.
// AppendLabels says what is learned: Labels are runs of ids that are learned or not.
//
//	template + tokenizer -> Bind -> Bound; messages -> Encode -> Dialogue -> AppendLabels -> labels
//
// # Format
//
// What preprocessing and inference see: Bound, or a model's own Jinja template (package hf, over the interpreter of package
// jinja), chosen by hf.Open. Package show makes it visible.
//
// # Compat
//
// With Options.Compat the reference's substitution is reproduced: placeholders in a message's own text
// are replaced as well, lists of tools that are not JSON silently become nothing, and a template may
// have other fields for it (rc3 in its file), such as no tools for the ChatGLM models.
//
// # Adding a template
//
// Put a file in data/. No list names it; the test reads all of them.
package chat
