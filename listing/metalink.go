package listing

func isMetalink(head []byte) bool { return false }

func (p *parser) readMetalink() {}
