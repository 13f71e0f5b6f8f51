package ckpt

import (
	"fmt"
	"sync"
)

// Memory is a Source held in memory, in the order of Put.
type Memory struct {
	mu    sync.RWMutex
	infos []Info
	data  map[string][]byte
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{data: map[string][]byte{}} }

// Put adds a tensor, or replaces the one of that name. The bytes are kept, not copied.
func (m *Memory) Put(info Info, data []byte) error {
	if int64(len(data)) != info.Size() {
		return fmt.Errorf("put tensor %s: %d bytes, want %d for %v %v", info.Name, len(data), info.Size(), info.DType, info.Shape)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.data[info.Name]; ok {
		for i := range m.infos {
			if m.infos[i].Name == info.Name {
				m.infos[i] = info
			}
		}
	} else {
		m.infos = append(m.infos, info)
	}
	m.data[info.Name] = data
	return nil
}

// List describes every tensor in the order of Put.
func (m *Memory) List() []Info {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return append([]Info(nil), m.infos...)
}

// Bytes is the slice given to Put.
func (m *Memory) Bytes(name string) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	b, ok := m.data[name]
	if !ok {
		return nil, fmt.Errorf("read tensor %s: not in this checkpoint", name)
	}
	return b, nil
}

// Close does nothing.
func (m *Memory) Close() error { return nil }
