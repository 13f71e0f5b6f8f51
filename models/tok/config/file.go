package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MaxFile is the size from which on a file is refused, in bytes; the largest known is about half of it.
const MaxFile = 64 << 20

// Open reads the two files of a directory, where they are.
func Open(dir string) (*Config, error) {
	configJSON, err := Read(dir, File)
	if err != nil {
		return nil, err
	}
	mapJSON, err := Read(dir, MapFile)
	if err != nil {
		return nil, err
	}
	return Parse(configJSON, mapJSON)
}

// Read is the content of a file, nil when there is none.
func Read(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open tokenizer: %w", err)
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("open tokenizer %s: the file has %d bytes, more than %d", path, info.Size(), MaxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer: %w", err)
	}
	return data, nil
}
