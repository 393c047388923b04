package listing

const (
	minPiece  = 256 << 10
	maxPiece  = 16 << 20
	fewPieces = 4096
)

// PieceLength returns how long the pieces of a file are made: a power of two, from 256 KiB,
// of which a bad one is soon fetched again, to 16 MiB, and between these such that there
// are no more than 4096.
func PieceLength(size int64) int64 {
	length := int64(minPiece)
	for length < maxPiece && size > length*fewPieces {
		length *= 2
	}
	return length
}
