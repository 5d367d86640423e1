// The client program over IBM/sarama; test/clients/contract.ts says what it does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"kafka-sluice/test/clients/program"
)

func main() {
	program.Main(program.Library{
		Produce: produce,
		Consume: consume,
		Watch:   func(run *program.Run) { sarama.Logger = log.New(&logWatcher{run: run}, "", 0) },
		Modes:   map[string]func(run *program.Run) error{"group": group},
	})
}

// group is a consumer group and a producer that floods the same topic under the same client id.
func group(run *program.Run) error {
	produced := make(chan error, 1)
	go func() { produced <- produce(run, run.Connections) }()
	err := program.Each(run, consume)
	run.Stop()
	return errors.Join(err, <-produced)
}

func libraryConfig(run *program.Run, instance int) (*sarama.Config, error) {
	config := sarama.NewConfig()
	if run.Config.ClientID != "" {
		config.ClientID = run.Config.ClientID
	}
	config.Producer.Return.Successes = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Return.Errors = true
	switch run.Config.WantedAcks() {
	case program.AcksAll:
		config.Producer.RequiredAcks = sarama.WaitForAll
	case program.AcksLeader:
		config.Producer.RequiredAcks = sarama.WaitForLocal
	case program.AcksNone:
		config.Producer.RequiredAcks = sarama.NoResponse
	}
	if run.Config.Compression != "" {
		if err := config.Producer.Compression.UnmarshalText([]byte(run.Config.Compression)); err != nil {
			return nil, err
		}
	}
	transactional := run.Config.TransactionalID != ""
	if transactional || (run.Config.Idempotent != nil && *run.Config.Idempotent) {
		config.Producer.Idempotent = true
		config.Producer.RequiredAcks = sarama.WaitForAll
		config.Net.MaxOpenRequests = 1
	}
	if transactional {
		// The idempotence that it needs is set above; each instance has an id of its own.
		config.Producer.Transaction.ID = fmt.Sprintf("%s-%d", run.Config.TransactionalID, instance)
	}
	if err := useSasl(config, run.Config.Sasl); err != nil {
		return nil, err
	}
	// The library's own words are its field names: {"Producer": {"Flush": {"MaxMessages": 10}}}, durations in nanoseconds.
	for _, overrides := range []json.RawMessage{run.Config.Producer, run.Config.Consumer} {
		if len(overrides) == 0 {
			continue
		}
		if err := json.Unmarshal(overrides, config); err != nil {
			return nil, err
		}
	}
	return config, nil
}

func produce(run *program.Run, instance int) error {
	config, err := libraryConfig(run, instance)
	if err != nil {
		return err
	}
	producer, err := sarama.NewAsyncProducer(strings.Split(run.Config.Bootstrap, ","), config)
	if err != nil {
		return err
	}
	left := make(chan struct{})
	var answers sync.WaitGroup
	answers.Add(2)
	room := program.NewRoom(run.Config.MaxPending)
	go func() {
		defer answers.Done()
		for message := range producer.Successes() {
			room.Give()
			run.Acknowledged(message.Metadata.(time.Time), message.Value.Length())
		}
	}()
	go func() {
		defer answers.Done()
		for failure := range producer.Errors() {
			room.Give()
			select {
			case <-left:
			default:
				run.Failed(failure.Err)
			}
		}
	}()
	failed := sendAll(run, instance, producer, room)
	if !run.Drains() {
		// What is still buffered has to go out before Sarama lets go; nobody waits for that.
		close(left)
		go producer.AsyncClose()
		return failed
	}
	producer.AsyncClose()
	answers.Wait()
	return failed
}

func sendAll(run *program.Run, instance int, producer sarama.AsyncProducer, room program.Room) error {
	source := program.NewRecordSource(run, instance)
	transaction := program.NewTransaction(run, producer.BeginTxn, producer.CommitTxn)
	for i := 0; i < run.Share(instance) && !run.Over(); i++ {
		if err := transaction.Next(); err != nil {
			return err
		}
		room.Take(run)
		message := &sarama.ProducerMessage{
			Topic: run.Config.Topic, Value: sarama.ByteEncoder(source.Next()), Metadata: time.Now(),
		}
		select {
		case producer.Input() <- message:
			run.Sent.Add(1)
		case <-run.Ended:
		}
		run.Pace()
	}
	return transaction.End()
}

func consume(run *program.Run, instance int) error {
	config, err := libraryConfig(run, instance)
	if err != nil {
		return err
	}
	brokers := strings.Split(run.Config.Bootstrap, ",")
	if run.Config.Group == "" {
		return consumeAll(run, instance, brokers, config)
	}
	members, err := sarama.NewConsumerGroup(brokers, run.Config.Group, config)
	if err != nil {
		return err
	}
	go func() {
		for failure := range members.Errors() {
			run.Failed(failure)
		}
	}()
	context, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for !run.ConsumedEnough() {
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
	}()
	handler := &member{run: run, instance: instance}
	for context.Err() == nil {
		if err := members.Consume(context, []string{run.Config.Topic}, handler); err != nil && context.Err() == nil {
			run.Failed(err)
		}
	}
	return members.Close()
}

// consumeAll reads every partition without a group; each instance does.
func consumeAll(run *program.Run, instance int, brokers []string, config *sarama.Config) error {
	consumer, err := sarama.NewConsumer(brokers, config)
	if err != nil {
		return err
	}
	partitions, err := consumer.Partitions(run.Config.Topic)
	if err != nil {
		return err
	}
	for _, partition := range partitions {
		messages, err := consumer.ConsumePartition(run.Config.Topic, partition, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		go func() {
			for message := range messages.Messages() {
				run.Take(instance, message.Partition, message.Value)
			}
		}()
		go func() {
			for failure := range messages.Errors() {
				run.Failed(failure)
			}
		}()
	}
	for !run.ConsumedEnough() {
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// member tells of every turn of the group: Setup, its claims, and the end of the session.
type member struct {
	run      *program.Run
	instance int
	before   bool
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	if m.before {
		m.run.Rebalances.Add(1)
	}
	m.before = true
	m.run.Event("assigned", fmt.Sprintf("%d: generation %d %v", m.instance, session.GenerationID(), session.Claims()))
	return nil
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	m.run.Event("session", fmt.Sprintf("%d: generation %d ended", m.instance, session.GenerationID()))
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.run.Take(m.instance, message.Partition, message.Value)
		session.MarkMessage(message, "")
	}
	return nil
}

// logWatcher hears in Sarama's log what it does not say elsewhere.
type logWatcher struct{ run *program.Run }

func (w *logWatcher) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	switch {
	case strings.Contains(text, "i/o timeout"):
		w.run.Event("timeout", text)
	case strings.Contains(text, "broken pipe"), strings.Contains(text, "connection reset"),
		strings.Contains(text, "Failed to connect to broker"), strings.HasSuffix(text, io.EOF.Error()):
		w.run.Event("disconnect", text)
	}
	return len(line), nil
}
