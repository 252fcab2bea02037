package webtransport

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tuneSocket gives a socket large buffers, by force where that is allowed, and
// forbids fragmentation, as quic-go does with the first one. All is best effort.
// It gives the size of the receive buffer in bytes, 0 if not known.
func tuneSocket(c *net.UDPConn) (receiveBuffer int) {
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		s := int(fd)
		for _, o := range []struct{ is, force int }{
			{unix.SO_RCVBUF, unix.SO_RCVBUFFORCE},
			{unix.SO_SNDBUF, unix.SO_SNDBUFFORCE},
		} {
			if n, err := unix.GetsockoptInt(s, unix.SOL_SOCKET, o.is); err == nil && n < socketBuffer {
				_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, o.force, socketBuffer)
			}
		}
		_ = unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		_ = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
		receiveBuffer, _ = unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return receiveBuffer
}

// kernelDrops is how many packets the kernel dropped at this socket.
func kernelDrops(c *net.UDPConn) uint64 {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var drops uint64
	_ = raw.Control(func(fd uintptr) {
		const dropsAt = 8 // SK_MEMINFO_DROPS in linux/sock_diag.h
		var info [dropsAt + 1]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 {
			drops = uint64(info[dropsAt])
		}
	})
	return drops
}
