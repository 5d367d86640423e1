package program

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Library is what a client library has to be able to do.
type Library struct {
	Produce, Consume func(run *Run, instance int) error
	// Watch is called once, before anything else, to hear what the library tells in its log only; may be nil.
	Watch func(run *Run)
	// Modes are those that only this library has.
	Modes map[string]func(run *Run) error
}

// Main is the body of a program: reads, runs the mode, reports.
func Main(library Library) {
	input := bufio.NewReader(os.Stdin)
	text, fromStdin := "", len(os.Args) < 3
	if fromStdin {
		text, _ = input.ReadString('\n')
	} else {
		text = os.Args[2]
	}
	var config Config
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		end(fmt.Errorf("configuration: %w", err))
	}
	run := newRun(os.Args[1], config)
	if library.Watch != nil {
		library.Watch(run)
	}
	if fromStdin {
		go func() {
			_, _ = input.ReadString('\n')
			run.Stop()
		}()
	}
	// As any application is told by whoever runs it: a shell, a kubelet.
	stopping, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer forget()
	context.AfterFunc(stopping, run.Stop)
	go func() {
		for range time.Tick(time.Second) {
			run.sayCounts("progress")
		}
	}()
	if err := runMode(run, library); err != nil {
		end(err)
	}
	run.sayCounts("result")
}

func end(err error) {
	say(map[string]any{"t": "error", "message": err.Error()})
	os.Exit(1)
}

func runMode(run *Run, library Library) error {
	switch run.Mode {
	case "produce":
		return Each(run, library.Produce)
	case "consume":
		return Each(run, library.Consume)
	case "roundtrip":
		if err := Each(run, library.Produce); err != nil {
			return err
		}
		if err := library.Consume(run, 0); err != nil {
			return err
		}
		run.setLost(int64(run.Config.Count) - run.checker.distinctCount())
		return nil
	}
	if mode, known := library.Modes[run.Mode]; known {
		return mode(run)
	}
	return fmt.Errorf("unknown mode %s", run.Mode)
}
