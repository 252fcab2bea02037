package mh

// Unread returns how many datagrams have come to sessions that nobody has read
// yet, the ones that were pushed out included.
func (s *Server) Unread() int {
	n := 0
	for _, sess := range s.wt.Sessions() {
		n += sess.ReceiveBuffered() + sess.ReceiveDropped()
	}
	return n
}
