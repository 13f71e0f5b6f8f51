package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Codes of failed answers.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeNoMethod       = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
	CodeNotInitialized = -32002
	CodeFailed         = -32803
	CodeCancelled      = -32800
)

// Error is the failure of a request.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Errorf makes the failure of a request.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// ID is a request's id as it came: a number or a text. Empty for notifications.
type ID string

// Message is what the other side sent.
type Message struct {
	ID     ID // empty: a notification
	Method string
	Params json.RawMessage
	Answer bool // to a request of ours; Params is not set
}

// Decode reads one message. A failure is to be answered with the message's id, which is empty when it is not known.
func Decode(body []byte) (Message, *Error) {
	if !json.Valid(body) {
		return Message{}, Errorf(CodeParse, "the message is not JSON")
	}
	body = bytes.TrimSpace(body)
	if body[0] != '{' {
		return Message{}, Errorf(CodeInvalidRequest, "a message is one object; batches are not part of the protocol")
	}
	// Pointers would lose the difference between null and absent.
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return Message{}, Errorf(CodeParse, "the message cannot be read: %v", err)
	}
	m := Message{Params: raw["params"]}
	id, hasID := raw["id"]
	if hasID && string(id) != "null" {
		if c := id[0]; c != '"' && c != '-' && (c < '0' || c > '9') {
			return Message{}, Errorf(CodeInvalidRequest, "an id is a number or a text")
		}
		m.ID = ID(id)
	}
	if version := string(raw["jsonrpc"]); version != `"2.0"` {
		return m, Errorf(CodeInvalidRequest, "want \"jsonrpc\": \"2.0\"")
	}
	method, hasMethod := raw["method"]
	switch {
	case !hasMethod && (raw["result"] != nil || raw["error"] != nil):
		m.Answer = true
	case !hasMethod:
		return m, Errorf(CodeInvalidRequest, "the message has no method")
	case json.Unmarshal(method, &m.Method) != nil || m.Method == "":
		return m, Errorf(CodeInvalidRequest, "a method is a text")
	case hasID && m.ID == "":
		return m, Errorf(CodeInvalidRequest, "the id is null")
	}
	if len(m.Params) > 0 && m.Params[0] != '{' && m.Params[0] != '[' && string(m.Params) != "null" {
		return m, Errorf(CodeInvalidRequest, "params are an object or a list")
	}
	return m, nil
}
