package link

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is a network of its own on this machine, with a loopback device and
// nothing else. It takes root.
type Namespace struct{ handle *os.File }

// NewNamespace makes an empty network. Close must be called.
func NewNamespace() (*Namespace, error) {
	var n Namespace
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("link: making a network namespace: %w", err)
		}
		var err error
		n.handle, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		if err != nil {
			return fmt.Errorf("link: opening a network namespace: %w", err)
		}
		return upLoopback()
	})
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return &n, nil
}

// Do runs f on a thread inside the network. Sockets that f itself opens belong to
// the network for as long as they live, and so does a process that it starts;
// goroutines that it starts do not.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.handle.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("link: entering a network namespace: %w", err)
		}
		return f()
	})
}

// Close gives the network up. It is gone when its last socket is.
func (n *Namespace) Close() error {
	if n.handle == nil {
		return nil
	}
	return n.handle.Close()
}

// onThread runs f on a thread that is thrown away after it.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}

func upLoopback() error {
	return withSocket(func(fd int) error { return setFlags(fd, "lo", unix.IFF_UP) })
}

// withSocket runs f with a socket for requests about devices.
func withSocket(f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("link: opening a socket: %w", err)
	}
	defer unix.Close(fd)
	return f(fd)
}

func setFlags(fd int, device string, flags uint16) error {
	r, err := unix.NewIfreq(device)
	if err != nil {
		return fmt.Errorf("link: naming device %s: %w", device, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, r); err != nil {
		return fmt.Errorf("link: finding device %s: %w", device, err)
	}
	r.SetUint16(r.Uint16() | flags)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r); err != nil {
		return fmt.Errorf("link: starting device %s: %w", device, err)
	}
	return nil
}
