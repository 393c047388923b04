package listing

func isTorrent(head []byte) bool { return false }

func (p *parser) readTorrent() {}
