// The client program over IBM/sarama; test/clients/contract.ts says what it does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

func main() {
	input := bufio.NewReader(os.Stdin)
	text, fromStdin := "", len(os.Args) < 3
	if fromStdin {
		text, _ = input.ReadString('\n')
	} else {
		text = os.Args[2]
	}
	var config Config
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		say(map[string]any{"t": "error", "message": "configuration: " + err.Error()})
		os.Exit(1)
	}
	run := newRun(os.Args[1], config)
	sarama.Logger = log.New(&logWatcher{run: run}, "", 0)
	if fromStdin {
		go func() {
			_, _ = input.ReadString('\n')
			run.stop()
		}()
	}
	go func() {
		for range time.Tick(time.Second) {
			run.sayCounts("progress")
		}
	}()
	if err := runMode(run); err != nil {
		say(map[string]any{"t": "error", "message": err.Error()})
		os.Exit(1)
	}
	run.sayCounts("result")
}

func runMode(run *Run) error {
	switch run.mode {
	case "produce":
		return each(run, produce)
	case "consume":
		return each(run, consume)
	case "group":
		return group(run)
	case "roundtrip":
		if err := each(run, produce); err != nil {
			return err
		}
		if err := consume(run, 0); err != nil {
			return err
		}
		run.setLost(int64(run.config.Count) - run.checker.distinctCount())
		return nil
	}
	return fmt.Errorf("unknown mode %s", run.mode)
}

// group is a consumer group and a producer that floods the same topic under the same client id.
func group(run *Run) error {
	produced := make(chan error, 1)
	go func() { produced <- produce(run, run.connections) }()
	err := each(run, consume)
	run.stop()
	return errors.Join(err, <-produced)
}

func libraryConfig(run *Run) (*sarama.Config, error) {
	config := sarama.NewConfig()
	if run.config.ClientID != "" {
		config.ClientID = run.config.ClientID
	}
	config.Producer.Return.Successes = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Return.Errors = true
	switch string(run.config.Acks) {
	case `"all"`:
		config.Producer.RequiredAcks = sarama.WaitForAll
	case "0":
		config.Producer.RequiredAcks = sarama.NoResponse
	}
	if run.config.Compression != "" {
		if err := config.Producer.Compression.UnmarshalText([]byte(run.config.Compression)); err != nil {
			return nil, err
		}
	}
	if run.config.Idempotent {
		config.Producer.Idempotent = true
		config.Producer.RequiredAcks = sarama.WaitForAll
		config.Net.MaxOpenRequests = 1
	}
	if err := useSasl(config, run.config.Sasl); err != nil {
		return nil, err
	}
	// The library's own words are its field names: {"Producer": {"Flush": {"MaxMessages": 10}}}, durations in nanoseconds.
	for _, overrides := range []json.RawMessage{run.config.Producer, run.config.Consumer} {
		if len(overrides) == 0 {
			continue
		}
		if err := json.Unmarshal(overrides, config); err != nil {
			return nil, err
		}
	}
	return config, nil
}

func produce(run *Run, instance int) error {
	config, err := libraryConfig(run)
	if err != nil {
		return err
	}
	producer, err := sarama.NewAsyncProducer(strings.Split(run.config.Bootstrap, ","), config)
	if err != nil {
		return err
	}
	left := make(chan struct{})
	var answers sync.WaitGroup
	answers.Add(2)
	room := newRoom(run.config.MaxPending)
	go func() {
		defer answers.Done()
		for message := range producer.Successes() {
			room.give()
			run.acknowledged(message.Metadata.(time.Time), message.Value.Length())
		}
	}()
	go func() {
		defer answers.Done()
		for failure := range producer.Errors() {
			room.give()
			select {
			case <-left:
			default:
				run.failed(failure.Err)
			}
		}
	}()
	source := newRecordSource(run.name, instance, run.config.RecordBytes)
	for i := 0; i < run.share(instance) && !run.over(); i++ {
		room.take(run)
		message := &sarama.ProducerMessage{
			Topic: run.config.Topic, Value: sarama.ByteEncoder(source.next()), Metadata: time.Now(),
		}
		select {
		case producer.Input() <- message:
			run.sent.Add(1)
		case <-run.ended:
		}
		run.pace()
	}
	if !run.drains() {
		// What is still buffered has to go out before Sarama lets go; nobody waits for that.
		close(left)
		go producer.AsyncClose()
		return nil
	}
	producer.AsyncClose()
	answers.Wait()
	return nil
}

func consume(run *Run, instance int) error {
	config, err := libraryConfig(run)
	if err != nil {
		return err
	}
	brokers := strings.Split(run.config.Bootstrap, ",")
	if run.config.Group == "" {
		return consumeAll(run, instance, brokers, config)
	}
	members, err := sarama.NewConsumerGroup(brokers, run.config.Group, config)
	if err != nil {
		return err
	}
	go func() {
		for failure := range members.Errors() {
			run.failed(failure)
		}
	}()
	context, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for !run.consumedEnough() {
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
	}()
	handler := &member{run: run, instance: instance}
	for context.Err() == nil {
		if err := members.Consume(context, []string{run.config.Topic}, handler); err != nil && context.Err() == nil {
			run.failed(err)
		}
	}
	return members.Close()
}

// consumeAll reads every partition without a group; each instance does.
func consumeAll(run *Run, instance int, brokers []string, config *sarama.Config) error {
	consumer, err := sarama.NewConsumer(brokers, config)
	if err != nil {
		return err
	}
	partitions, err := consumer.Partitions(run.config.Topic)
	if err != nil {
		return err
	}
	for _, partition := range partitions {
		messages, err := consumer.ConsumePartition(run.config.Topic, partition, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		go func() {
			for message := range messages.Messages() {
				run.take(instance, message.Partition, message.Value)
			}
		}()
		go func() {
			for failure := range messages.Errors() {
				run.failed(failure)
			}
		}()
	}
	for !run.consumedEnough() {
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// member tells of every turn of the group: Setup, its claims, and the end of the session.
type member struct {
	run      *Run
	instance int
	before   bool
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	if m.before {
		m.run.rebalances.Add(1)
	}
	m.before = true
	m.run.event("assigned", fmt.Sprintf("%d: generation %d %v", m.instance, session.GenerationID(), session.Claims()))
	return nil
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	m.run.event("session", fmt.Sprintf("%d: generation %d ended", m.instance, session.GenerationID()))
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.run.take(m.instance, message.Partition, message.Value)
		session.MarkMessage(message, "")
	}
	return nil
}

// logWatcher hears in Sarama's log what it does not say elsewhere.
type logWatcher struct{ run *Run }

func (w *logWatcher) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	switch {
	case strings.Contains(text, "i/o timeout"):
		w.run.event("timeout", text)
	case strings.Contains(text, "broken pipe"), strings.Contains(text, "connection reset"),
		strings.Contains(text, "Failed to connect to broker"), strings.HasSuffix(text, io.EOF.Error()):
		w.run.event("disconnect", text)
	}
	return len(line), nil
}
