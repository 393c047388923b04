package local

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxName is the longest name in bytes that every common file system takes.
const maxName = 255

// StageName returns the name of the staged copy of a file: .NAME.fsync beside it, or
// .HASH.fsync where that gets too long.
func StageName(name string) string {
	if s := "." + name + ".fsync"; len(s) <= maxName {
		return s
	}
	sum := sha256.Sum256([]byte(name))
	return "." + hex.EncodeToString(sum[:16]) + ".fsync"
}

// IsStageName says whether a name may be that of a staged copy.
func IsStageName(name string) bool {
	return len(name) > len(".")+len(".fsync") && strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".fsync")
}
