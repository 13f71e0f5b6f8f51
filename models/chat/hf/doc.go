// Package hf uses the chat template that a Hugging Face model brings along.
//
//	directory -> Load -> Set (one template or several by name)
//	Set + special tokens -> Renderer; conversation -> Render -> text; -> Trained -> text and what an assistant says in it
//	Renderer + tokenizer -> Bound, the chat.Format of preprocessing and inference
//	name of a template -> Open -> chat.Format, Jinja or named
//
// # Set
//
// Files count in the order of transformers: chat_template.jinja with additional_chat_templates/, then chat_template in
// tokenizer_config.json (a text, or a list with names), then chat_template.json. Where there are several, tool_use is taken for
// conversations with tools and default for the others, unless one is named.
//
// # Masks
//
// Where the template has {% generation %}, its blocks are what is learned. Elsewhere the text of an answer is what the
// conversation grows by: it begins where the rendering of the messages before it, with the generation prompt, leaves the
// text, and ends where the rendering of the messages up to it ends, or behind the token that ends the turn, which the
// model is to write, while blanks behind that token are not. A template that rewrites earlier turns (such as one
// that drops their thoughts) has answers that end with that token; where even the beginning is not that of the text, it
// is an error.
//
// The text is tokenized as a whole, without the tokenizer's own special tokens, and a token is learned when a part of it is.
//
// # Messages
//
// A function call becomes an assistant's message with tool_calls, an observation one of the role tool. Tools that are
// bare functions are wrapped as {"type": "function", "function": ...}, which templates expect.
//
// # Clock
//
// strftime_now exists only where a date is given, so that what a stage makes depends on its parameters alone. Templates
// that ask whether it is defined have a date of their own.
//
// # Where to add things
//
// What the template language lacks: package jinja. A place where models keep their template: load.go.
package hf
