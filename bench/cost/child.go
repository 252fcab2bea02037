package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
)

// childArgument makes this program the other side of a measurement.
const childArgument = "other-side"

// child is a process that answers. It ends when its standard input does.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// startChild starts the other side called kind, on its core, and reads what it
// says of itself into told.
func (b *bench) startChild(ctx context.Context, kind string, told any) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, childArgument, kind, strconv.Itoa(b.other), strconv.Itoa(b.nice))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = ownGroup()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd, stdin}
	if err := json.NewDecoder(stdout).Decode(told); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the other side: %w", err), c.end())
	}
	return c, nil
}

func (c *child) end() error { return errors.Join(c.stdin.Close(), c.cmd.Wait()) }

func (c *child) pid() int { return c.cmd.Process.Pid }

// serveChild is the child: it says where it is and answers until in ends.
func serveChild(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	if len(args) != 3 {
		return errors.New("the other side needs a kind, a core and a nice value")
	}
	core, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	nice, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	if nice != 0 {
		_ = prefer(nice)
	}
	if core >= 0 {
		if err := pinProcess(core); err == nil {
			runtime.GOMAXPROCS(1)
		}
	}
	kinds := map[string]func(context.Context) (any, func() error, error){"echo": serveEcho, "platform": servePlatform}
	serve, ok := kinds[args[0]]
	if !ok {
		return fmt.Errorf("no other side is called %q", args[0])
	}
	told, stop, err := serve(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := json.NewEncoder(out).Encode(told); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}
