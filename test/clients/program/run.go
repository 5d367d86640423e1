// Package program is what the client programs in Go share: configuration, records, counting, and the talk on stdin and stdout.
package program

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
	Idempotent     *bool           `json:"idempotent"`
	Compression    string          `json:"compression"`
	BytesPerSecond float64         `json:"bytesPerSecond"`
	MaxPending     int             `json:"maxPending"`
	Drain          bool            `json:"drain"`
	Group          string          `json:"group"`
	Run            string          `json:"run"`
	Sasl           *Sasl           `json:"sasl"`
	Producer       json.RawMessage `json:"producer"`
	Consumer       json.RawMessage `json:"consumer"`

	TransactionalID    string `json:"transactionalId"`
	TransactionRecords int    `json:"transactionRecords"`
}

// Sasl is how to log in.
type Sasl struct {
	Mechanism string `json:"mechanism"`
	Username  string `json:"username"`
	Password  string `json:"password"`
}

// Acknowledgements is what `acks` asks for.
type Acknowledgements int

// Unless one of the others is asked for, the library's default counts.
const (
	AcksDefault Acknowledgements = iota
	AcksAll
	AcksLeader
	AcksNone
)

// WantedAcks reads `acks`.
func (c *Config) WantedAcks() Acknowledgements {
	switch string(c.Acks) {
	case `"all"`:
		return AcksAll
	case "1":
		return AcksLeader
	case "0":
		return AcksNone
	}
	return AcksDefault
}

// Run is one run of the program: its configuration, its counters, its voice.
type Run struct {
	Mode        string
	Config      Config
	name        string
	Connections int
	checker     *recordChecker
	started     time.Time
	Ended       chan struct{}
	stopOnce    sync.Once

	Sent, Rebalances                                                     atomic.Int64
	acked, bytes, errors, timeouts, disconnects, received, receivedBytes atomic.Int64

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
		Mode: mode, Config: config, name: name, Connections: max(1, config.Connections), checker: newRecordChecker(only),
		started: time.Now(), Ended: make(chan struct{}), latencies: map[int]int{},
	}
	if config.Seconds > 0 {
		time.AfterFunc(time.Duration(config.Seconds*float64(time.Second)), run.Stop)
	}
	return run
}

// Stop says that it is time to go.
func (r *Run) Stop() { r.stopOnce.Do(func() { close(r.Ended) }) }

// Over is true when it is time to go, by the clock or by request.
func (r *Run) Over() bool {
	select {
	case <-r.Ended:
		return true
	default:
		return false
	}
}

// Drains is true when the end waits for all answers.
func (r *Run) Drains() bool { return r.Config.Drain || (r.Config.Count > 0 && r.Mode != "group") }

// Share is how many records this instance is to send.
func (r *Run) Share(instance int) int {
	if r.Config.Count == 0 || r.Mode == "group" {
		return math.MaxInt
	}
	share := r.Config.Count / r.Connections
	if instance < r.Config.Count%r.Connections {
		share++
	}
	return share
}

// ConsumedEnough is true when a consumer may leave.
func (r *Run) ConsumedEnough() bool {
	readers := 1
	if r.Config.Group == "" && r.Mode == "consume" {
		readers = r.Connections
	}
	return r.Over() || (r.Config.Count > 0 && r.checker.distinctCount() >= int64(r.Config.Count*readers))
}

// Pace waits until the bytes sent so far are due at the configured rate.
func (r *Run) Pace() {
	for r.Config.BytesPerSecond > 0 && !r.Over() {
		due := float64(r.Sent.Load()*int64(r.Config.RecordBytes)) / r.Config.BytesPerSecond
		ahead := time.Duration((due - time.Since(r.started).Seconds()) * float64(time.Second))
		if ahead <= 0 {
			return
		}
		time.Sleep(min(ahead, paceStep))
	}
}

// Acknowledged counts a record that was stored.
func (r *Run) Acknowledged(sent time.Time, bytes int) {
	r.acked.Add(1)
	r.bytes.Add(int64(bytes))
	ms := max(float64(time.Since(sent).Microseconds())/1000, latencyLeastMs)
	bucket := int(math.Round(math.Log(ms/latencyLeastMs) / math.Log(latencyGrowth)))
	r.mutex.Lock()
	r.latencies[bucket]++
	r.mutex.Unlock()
}

// Take counts and checks a record received.
func (r *Run) Take(instance int, partition int32, value []byte) {
	reader := instance
	if r.Config.Group != "" {
		reader = 0
	}
	r.received.Add(1)
	r.receivedBytes.Add(int64(len(value)))
	r.checker.check(reader, partition, value)
}

// Failed reports an error.
func (r *Run) Failed(err error) {
	if strings.Contains(err.Error(), "i/o timeout") {
		r.timeouts.Add(1)
	}
	r.Event("error", err.Error())
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

// Event tells what happened.
func (r *Run) Event(kind, text string) {
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
		"sent": r.Sent.Load(), "acked": r.acked.Load(), "bytes": r.bytes.Load(), "errors": r.errors.Load(),
		"timeouts": r.timeouts.Load(), "disconnects": r.disconnects.Load(), "rebalances": r.Rebalances.Load(),
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

// Each runs `work` for all instances at the same time; the first failure counts.
func Each(run *Run, work func(run *Run, instance int) error) error {
	failures := make(chan error, run.Connections)
	for instance := range run.Connections {
		go func() { failures <- work(run, instance) }()
	}
	for range run.Connections {
		if err := <-failures; err != nil {
			return err
		}
	}
	return nil
}

// Room bounds the records on their way; without a bound it costs nothing.
type Room chan struct{}

// NewRoom makes room for `size` records, 0 for any number.
func NewRoom(size int) Room {
	if size == 0 {
		return nil
	}
	return make(Room, size)
}

// Take waits for room, or for the run's end.
func (r Room) Take(run *Run) {
	if r == nil {
		return
	}
	select {
	case r <- struct{}{}:
	case <-run.Ended:
	}
}

// Give makes room for one more.
func (r Room) Give() {
	if r == nil {
		return
	}
	select {
	case <-r:
	default:
	}
}
