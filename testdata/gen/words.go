package main

// category is a word with its members; every member belongs to one category alone.
type category struct {
	name    string // as in "a fruit", with its article
	members []string
}

var categories = []category{
	{"an animal", []string{"cat", "dog", "fox", "owl", "bee", "cow"}},
	{"a fruit", []string{"fig", "plum", "pear", "lime", "kiwi", "apple"}},
	{"a tool", []string{"saw", "axe", "file", "drill", "rake", "wrench"}},
	{"a vehicle", []string{"car", "bus", "van", "tram", "boat", "ship"}},
	{"a metal", []string{"iron", "gold", "tin", "zinc", "lead", "steel"}},
	{"a garment", []string{"hat", "coat", "shoe", "sock", "boot", "scarf"}},
}

// land is an invented country with the facts that the pretraining text states about it.
type land struct{ name, capital, river string }

var lands = []land{
	{"Avaria", "Belmor", "Sarn"}, {"Borland", "Castor", "Tiva"}, {"Cardia", "Dunmar", "Ulen"}, {"Dolmia", "Estal", "Varo"},
	{"Elvania", "Fenwick", "Wend"}, {"Fardia", "Galdor", "Yara"}, {"Gorland", "Halden", "Zeel"}, {"Hestia", "Ilmar", "Arno"},
}

// numbers are those that questions about size compare.
const lowest, highest = 10, 29
