//go:build !linux

package webtransport

import "net"

// tuneSocket gives a socket large buffers, as far as the system allows.
func tuneSocket(c *net.UDPConn) (receiveBuffer int) {
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	return 0
}

// kernelDrops is not known on this system.
func kernelDrops(*net.UDPConn) uint64 { return 0 }
