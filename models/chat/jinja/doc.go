// Package jinja renders chat templates as Hugging Face's apply_chat_template does: jinja2 in its immutable sandbox, with
// trim_blocks, lstrip_blocks, loop controls, {% generation %} and the functions that transformers adds.
//
//	text -> lex -> tokens -> parse -> Template; Template + variables -> Render -> text and the spans of {% generation %}
//
// # Template
//
// Parsed once and rendered by many goroutines. Variables are values of this package: FromJSON makes them, and a Dict
// keeps the order of its keys.
//
// # Value
//
// None, numbers (integers of any size), texts, lists, tuples and dicts with Python's truth, order, arithmetic and
// spelling. Lists and dicts never change: the sandbox has no methods that would, so they are shared and not copied.
//
// # Limits
//
// A rendering ends with an error when it takes more steps, makes more bytes or nests deeper than its Limits, and soon
// after its context ends. Nothing reads files, the environment or, unless Options.Now is given, the clock. Parsing bounds the
// nesting of what it builds, so no template can exhaust the stack.
//
// # Why an interpreter of our own
//
// gonja v2.9.1 was measured first, with tojson and raise_exception as they are: 53 of the 80 snippets and 299 of the 324
// dialogues of the goldens. What it lacks lies in its core and cannot be mended by filters: dicts are Go maps without an order, None
// prints as nothing, // and % round to zero, text plus number is no error, integers end at 64 bits, the targets of set are
// single names, an inline if in parentheses does not parse, and there is no context, no bound on steps, output or depth.
//
// # What is left out
//
// Other files (include, import, extends fail when they are reached), autoescape, and the filters random, urlize, pprint,
// xmlattr, wordwrap, striptags and filesizeformat, which are errors that say so.
//
// # Adding to it
//
// A filter is a line in filters.go or lazy.go, a test one in tests.go, a method one in methods.go. testdata/ask.py asks
// transformers what a line of testdata/snippets.txt renders to.
package jinja
