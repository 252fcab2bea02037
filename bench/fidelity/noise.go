package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// burnFlag makes this program do nothing but keep a processor busy.
const burnFlag = "burn"

func burn() {
	for {
		for range 1 << 30 {
			runtime.Gosched()
		}
	}
}

// withNoise runs f while every processor has something else to do as well.
func withNoise(ctx context.Context, f func() error) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	var burning []*exec.Cmd
	defer func() {
		stop()
		for _, c := range burning {
			_ = c.Wait() // it was killed
		}
	}()
	for range runtime.NumCPU() {
		c := exec.CommandContext(ctx, self, "-"+burnFlag)
		c.Env = append(os.Environ(), "GOMAXPROCS=1")
		if err := c.Start(); err != nil {
			return errors.Join(fmt.Errorf("starting noise: %w", err))
		}
		burning = append(burning, c)
	}
	return f()
}
