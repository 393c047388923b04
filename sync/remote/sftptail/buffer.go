package sftptail

import "sync"

// bufferPool has blocks of the usual sizes.
var bufferPool = [2]sync.Pool{}

var bufferSizes = [2]int{commonRead, largestRead}

func getBuffer(n int) []byte {
	for i, size := range bufferSizes {
		if n <= size {
			if p, ok := bufferPool[i].Get().(*[]byte); ok {
				return (*p)[:n]
			}
			if i == 0 {
				return make([]byte, n)
			}
			return make([]byte, n, size)
		}
	}
	return make([]byte, n)
}

func putBuffer(p []byte) {
	for i, size := range bufferSizes {
		if cap(p) == size {
			bufferPool[i].Put(&p)
			return
		}
	}
}
