package main

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-sluice/test/clients/program"
)

// watcher hears of requests given up and of connections that ended, which the library mends silently. A connection that it
// closes itself, having been idle, has nothing to read and is not told of here.
type watcher struct {
	run     *program.Run
	leaving atomic.Bool
}

var (
	_ kgo.HookBrokerConnect = (*watcher)(nil)
	_ kgo.HookBrokerRead    = (*watcher)(nil)
	_ kgo.HookBrokerWrite   = (*watcher)(nil)
)

func (w *watcher) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	w.tell("connect to "+meta.Host, err)
}

func (w *watcher) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	w.tell("read of "+kmsg.Key(key).Name(), err)
}

func (w *watcher) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	w.tell("write of "+kmsg.Key(key).Name(), err)
}

func (w *watcher) tell(what string, err error) {
	var broker *kerr.Error
	// It cancels fetches of its own when a group turns.
	own := errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, context.Canceled)
	if err == nil || own || w.leaving.Load() || errors.As(err, &broker) {
		return
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		w.run.Event("timeout", what+": "+err.Error())
		return
	}
	w.run.Event("disconnect", what+": "+err.Error())
}
