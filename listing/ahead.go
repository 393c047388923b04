package listing

// found is what a parser yields.
type found struct {
	entry Entry
	err   error
}

// aheadBatch is how many entries the parser is ahead of who takes them, times three at most.
const aheadBatch = 128

// readAhead calls yield as read does, and goes on reading meanwhile: to read a million lines
// takes as long as to look whether their paths are unique. It reads to the end.
func (p *parser) readAhead(yield func(Entry, error)) {
	batches := make(chan []found, 1)
	go func() {
		defer close(batches)
		var batch []found
		p.read(func(e Entry, err error) bool {
			if batch == nil {
				batch = make([]found, 0, aheadBatch)
			}
			batch = append(batch, found{e, err})
			if len(batch) == aheadBatch || e.Pieces != nil { // those may be large
				batches <- batch
				batch = nil
			}
			return true
		})
		if batch != nil {
			batches <- batch
		}
	}()
	for batch := range batches {
		for i := range batch {
			yield(batch[i].entry, batch[i].err)
		}
	}
}
