package program

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
	"sync"
)

const poolBytes = 1 << 20

// RecordSource makes the records of one instance in one run, in order.
type RecordSource struct {
	prefix      string
	recordBytes int
	pool        []byte
	sequence    int
}

// NewRecordSource starts one instance's records.
func NewRecordSource(run *Run, instance int) *RecordSource {
	recordBytes := run.Config.RecordBytes
	pool := make([]byte, max(poolBytes, recordBytes*2))
	state := uint32(0x9e3779b9)
	for i := range pool {
		state = state*1664525 + 1013904223
		pool[i] = byte(state >> 24)
	}
	return &RecordSource{prefix: fmt.Sprintf("%s %d ", run.name, instance), recordBytes: recordBytes, pool: pool}
}

// Next makes the next record's value.
func (s *RecordSource) Next() []byte {
	header := s.prefix + strconv.Itoa(s.sequence) + " "
	size := max(0, s.recordBytes-len(header)-9)
	from := (s.sequence * 7919) % (len(s.pool) - size)
	filler := s.pool[from : from+size]
	s.sequence++
	return append([]byte(fmt.Sprintf("%s%08x ", header, crc32.ChecksumIEEE(filler))), filler...)
}

// recordChecker looks at every record received: whole, new, in order?
type recordChecker struct {
	mutex                                     sync.Mutex
	onlyRun                                   string
	seen                                      map[string]map[int]struct{}
	highest                                   map[string]int
	lastInPartition                           map[string]int
	distinct, duplicates, outOfOrder, corrupt int64
}

func newRecordChecker(onlyRun string) *recordChecker {
	return &recordChecker{
		onlyRun: onlyRun, seen: map[string]map[int]struct{}{}, highest: map[string]int{}, lastInPartition: map[string]int{},
	}
}

func (c *recordChecker) check(reader int, partition int32, value []byte) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	parts := bytes.SplitN(value, []byte(" "), 5)
	if len(parts) < 5 {
		c.corrupt++
		return
	}
	if c.onlyRun != "" && string(parts[0]) != c.onlyRun {
		return
	}
	checksum, err := strconv.ParseUint(string(parts[3]), 16, 32)
	if err != nil || uint32(checksum) != crc32.ChecksumIEEE(parts[4]) {
		c.corrupt++
	}
	sequence, err := strconv.Atoi(string(parts[2]))
	if err != nil {
		return
	}
	c.place(fmt.Sprintf("%d %s %s", reader, parts[0], parts[1]), partition, sequence)
}

func (c *recordChecker) place(source string, partition int32, sequence int) {
	if c.seen[source] == nil {
		c.seen[source] = map[int]struct{}{}
	}
	if _, again := c.seen[source][sequence]; again {
		c.duplicates++
		return
	}
	c.seen[source][sequence] = struct{}{}
	c.distinct++
	c.highest[source] = max(c.highest[source], sequence)
	lane := fmt.Sprintf("%s %d", source, partition)
	if last, known := c.lastInPartition[lane]; known && sequence < last {
		c.outOfOrder++
		return
	}
	c.lastInPartition[lane] = sequence
}

func (c *recordChecker) distinctCount() int64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.distinct
}

func (c *recordChecker) faults() (duplicates, outOfOrder, corrupt int64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.duplicates, c.outOfOrder, c.corrupt
}

// gaps counts the sequence numbers below the highest seen that did not come.
func (c *recordChecker) gaps() int64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	gaps := 0
	for source, seen := range c.seen {
		gaps += c.highest[source] + 1 - len(seen)
	}
	return int64(gaps)
}
