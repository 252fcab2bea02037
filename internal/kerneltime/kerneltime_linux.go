package kerneltime

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Enable asks the kernel for the receive time and the drop count of every packet
// of a socket. It reports whether there will be receive times.
func Enable(c syscall.Conn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	_ = raw.Control(func(fd uintptr) {
		ok = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) == nil
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	})
	return ok
}

// Parse reads the control messages of one packet.
func Parse(control []byte) Control {
	var c Control
	for len(control) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return c
		}
		control = rest
		if h.Level != unix.SOL_SOCKET {
			continue
		}
		switch h.Type {
		case unix.SCM_TIMESTAMPNS:
			c.Wall = timespec(data)
		case unix.SO_RXQ_OVFL:
			if len(data) >= 4 {
				c.Drops = binary.NativeEndian.Uint32(data)
			}
		}
	}
	return c
}

// timespec reads a struct timespec, whose fields are as wide as the machine's words.
func timespec(data []byte) int64 {
	var ts unix.Timespec
	if len(data) < int(unsafe.Sizeof(ts)) {
		return 0
	}
	if unsafe.Sizeof(ts) == 16 {
		sec, nsec := int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:]))
		return sec*1e9 + nsec
	}
	sec, nsec := int32(binary.NativeEndian.Uint32(data)), int32(binary.NativeEndian.Uint32(data[4:]))
	return int64(sec)*1e9 + int64(nsec)
}
