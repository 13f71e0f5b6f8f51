package chat

// Role is who speaks.
type Role uint8

// The roles of a conversation. Users and observations are read, assistants and functions are learned.
const (
	User Role = iota
	Assistant
	Observation
	Function
)

func (r Role) String() string {
	return [...]string{"user", "assistant", "observation", "function"}[r]
}

// Message is one turn's text. That of a function is JSON with name and arguments.
type Message struct {
	Role    Role
	Content string
}
