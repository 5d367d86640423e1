package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	latencyLeastMs = 0.01
	latencyGrowth  = 1.05
	paceStep       = 50 * time.Millisecond
)

// Config is the part of contract.ts's ClientConfig that this program understands.
type Config struct {
	Bootstrap      string          `json:"bootstrap"`
	Topic          string          `json:"topic"`
	Count          int             `json:"count"`
	Seconds        float64         `json:"seconds"`
	RecordBytes    int             `json:"recordBytes"`
	Connections    int             `json:"connections"`
	ClientID       string          `json:"clientId"`
	Acks           json.RawMessage `json:"acks"`
	Idempotent     bool            `json:"idempotent"`
	Compression    string          `json:"compression"`
	BytesPerSecond float64         `json:"bytesPerSecond"`
	MaxPending     int             `json:"maxPending"`
	Drain          bool            `json:"drain"`
	Group          string          `json:"group"`
	Run            string          `json:"run"`
	Sasl           *Sasl           `json:"sasl"`
	Producer       json.RawMessage `json:"producer"`
	Consumer       json.RawMessage `json:"consumer"`
}

// Run is one run of the program: its configuration, its counters, its voice.
type Run struct {
	mode        string
	config      Config
	name        string
	connections int
	checker     *recordChecker
	started     time.Time
	ended       chan struct{}
	stopOnce    sync.Once

	sent, acked, bytes, errors, timeouts, disconnects, rebalances, received, receivedBytes atomic.Int64

	mutex     sync.Mutex
	latencies map[int]int
	lost      *int64
}

func newRun(mode string, config Config) *Run {
	if config.RecordBytes == 0 {
		config.RecordBytes = 1024
	}
	name := config.Run
	if name == "" {
		name = strconv.FormatInt(time.Now().UnixNano(), 36)
	}
	only := config.Run
	if mode == "roundtrip" {
		only = name
	}
	run := &Run{
		mode: mode, config: config, name: name, connections: max(1, config.Connections), checker: newRecordChecker(only),
		started: time.Now(), ended: make(chan struct{}), latencies: map[int]int{},
	}
	if config.Seconds > 0 {
		time.AfterFunc(time.Duration(config.Seconds*float64(time.Second)), run.stop)
	}
	return run
}

func (r *Run) stop() { r.stopOnce.Do(func() { close(r.ended) }) }

// over is true when it is time to go, by the clock or by request.
func (r *Run) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func (r *Run) drains() bool { return r.config.Drain || (r.config.Count > 0 && r.mode != "group") }

func (r *Run) share(instance int) int {
	if r.config.Count == 0 || r.mode == "group" {
		return math.MaxInt
	}
	share := r.config.Count / r.connections
	if instance < r.config.Count%r.connections {
		share++
	}
	return share
}

func (r *Run) consumedEnough() bool {
	readers := 1
	if r.config.Group == "" && r.mode == "consume" {
		readers = r.connections
	}
	return r.over() || (r.config.Count > 0 && r.checker.distinctCount() >= int64(r.config.Count*readers))
}

// pace waits until the bytes sent so far are due at the configured rate.
func (r *Run) pace() {
	for r.config.BytesPerSecond > 0 && !r.over() {
		due := float64(r.sent.Load()*int64(r.config.RecordBytes)) / r.config.BytesPerSecond
		ahead := time.Duration((due - time.Since(r.started).Seconds()) * float64(time.Second))
		if ahead <= 0 {
			return
		}
		time.Sleep(min(ahead, paceStep))
	}
}

func (r *Run) acknowledged(sent time.Time, bytes int) {
	r.acked.Add(1)
	r.bytes.Add(int64(bytes))
	ms := max(float64(time.Since(sent).Microseconds())/1000, latencyLeastMs)
	bucket := int(math.Round(math.Log(ms/latencyLeastMs) / math.Log(latencyGrowth)))
	r.mutex.Lock()
	r.latencies[bucket]++
	r.mutex.Unlock()
}

func (r *Run) take(instance int, partition int32, value []byte) {
	reader := instance
	if r.config.Group != "" {
		reader = 0
	}
	r.received.Add(1)
	r.receivedBytes.Add(int64(len(value)))
	r.checker.check(reader, partition, value)
}

func (r *Run) failed(err error) {
	if strings.Contains(err.Error(), "i/o timeout") {
		r.timeouts.Add(1)
	}
	r.event("error", err.Error())
}

func (r *Run) setLost(lost int64) { r.lost = &lost }

func (r *Run) percentile(share float64) float64 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	total, highest := 0, 0
	for bucket, count := range r.latencies {
		total += count
		highest = max(highest, bucket)
	}
	left := float64(total) * share
	for bucket := 0; total > 0 && bucket <= highest; bucket++ {
		left -= float64(r.latencies[bucket])
		if left <= 0 {
			return math.Round(latencyLeastMs*math.Pow(latencyGrowth, float64(bucket))*100) / 100
		}
	}
	return 0
}

func (r *Run) event(kind, text string) {
	switch kind {
	case "error":
		r.errors.Add(1)
	case "timeout":
		r.timeouts.Add(1)
	case "disconnect":
		r.disconnects.Add(1)
	}
	say(map[string]any{"t": "event", "kind": kind, "text": text})
}

func (r *Run) sayCounts(kind string) {
	lost := r.checker.gaps()
	if r.lost != nil {
		lost = *r.lost
	}
	duplicates, outOfOrder, corrupt := r.checker.faults()
	say(map[string]any{
		"t": kind, "seconds": math.Round(time.Since(r.started).Seconds()*1000) / 1000,
		"sent": r.sent.Load(), "acked": r.acked.Load(), "bytes": r.bytes.Load(), "errors": r.errors.Load(),
		"timeouts": r.timeouts.Load(), "disconnects": r.disconnects.Load(), "rebalances": r.rebalances.Load(),
		"p50Ms": r.percentile(0.5), "p99Ms": r.percentile(0.99),
		"received": r.received.Load(), "receivedBytes": r.receivedBytes.Load(),
		"duplicates": duplicates, "outOfOrder": outOfOrder, "corrupt": corrupt, "lost": lost,
	})
}

var sayMutex sync.Mutex

func say(message map[string]any) {
	line, err := json.Marshal(message)
	if err != nil {
		line = []byte(fmt.Sprintf(`{"t":"error","message":%q}`, err.Error()))
	}
	sayMutex.Lock()
	defer sayMutex.Unlock()
	_, _ = os.Stdout.Write(append(line, '\n'))
}

func each(run *Run, work func(run *Run, instance int) error) error {
	failures := make(chan error, run.connections)
	for instance := range run.connections {
		go func() { failures <- work(run, instance) }()
	}
	for range run.connections {
		if err := <-failures; err != nil {
			return err
		}
	}
	return nil
}

// room bounds the records on their way; without a bound it costs nothing.
type room chan struct{}

func newRoom(size int) room {
	if size == 0 {
		return nil
	}
	return make(room, size)
}

func (r room) take(run *Run) {
	if r == nil {
		return
	}
	select {
	case r <- struct{}{}:
	case <-run.ended:
	}
}

func (r room) give() {
	if r == nil {
		return
	}
	select {
	case <-r:
	default:
	}
}
