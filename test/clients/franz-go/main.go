// The client program over twmb/franz-go; test/clients/contract.ts says what it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-sluice/test/clients/program"
)

func main() {
	program.Main(program.Library{Produce: produce, Consume: consume})
}

func open(run *program.Run, more ...kgo.Opt) (*kgo.Client, *watcher, error) {
	watch := &watcher{run: run}
	options := []kgo.Opt{kgo.SeedBrokers(strings.Split(run.Config.Bootstrap, ",")...), kgo.WithHooks(watch)}
	if run.Config.ClientID != "" {
		options = append(options, kgo.ClientID(run.Config.ClientID))
	}
	login, err := saslOptions(run.Config.Sasl)
	if err != nil {
		return nil, nil, err
	}
	client, err := kgo.NewClient(append(append(options, login...), more...)...)
	return client, watch, err
}

func produceOptions(run *program.Run, instance int) ([]kgo.Opt, error) {
	options := []kgo.Opt{kgo.DefaultProduceTopic(run.Config.Topic)}
	idempotent := run.Config.Idempotent == nil || *run.Config.Idempotent
	switch run.Config.WantedAcks() {
	case program.AcksAll:
		options = append(options, kgo.RequiredAcks(kgo.AllISRAcks()))
	case program.AcksLeader:
		idempotent = false
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()))
	case program.AcksNone:
		idempotent = false
		options = append(options, kgo.RequiredAcks(kgo.NoAck()))
	}
	if !idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if run.Config.Compression != "" {
		codec, known := codecs[run.Config.Compression]
		if !known {
			return nil, fmt.Errorf("unknown compression %s", run.Config.Compression)
		}
		options = append(options, kgo.ProducerBatchCompression(codec))
	}
	if id := run.Config.TransactionalID; id != "" {
		options = append(options, kgo.TransactionalID(id+"-"+strconv.Itoa(instance)))
	}
	own, err := ownOptions(run.Config.Producer)
	return append(options, own...), err
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func produce(run *program.Run, instance int) error {
	options, err := produceOptions(run, instance)
	if err != nil {
		return err
	}
	client, watch, err := open(run, options...)
	if err != nil {
		return err
	}
	// A flood that is to end by the clock leaves at once, also out of a Produce that waits for room in the library's buffer.
	sending, leave := context.WithCancel(context.Background())
	defer leave()
	if !run.Drains() {
		go func() {
			<-run.Ended
			watch.leaving.Store(true)
			leave()
		}()
	}
	failed := sendAll(sending, run, instance, client, watch)
	if run.Drains() {
		failed = errors.Join(failed, client.Flush(context.Background()))
	}
	watch.leaving.Store(true)
	client.CloseAllowingRebalance()
	return failed
}

func sendAll(sending context.Context, run *program.Run, instance int, client *kgo.Client, watch *watcher) error {
	source := program.NewRecordSource(run, instance)
	room := program.NewRoom(run.Config.MaxPending)
	transaction := program.NewTransaction(run, client.BeginTransaction, func() error {
		if err := client.Flush(sending); err != nil {
			return err
		}
		return client.EndTransaction(sending, kgo.TryCommit)
	})
	for i := 0; i < run.Share(instance) && !run.Over(); i++ {
		if err := transaction.Next(); err != nil {
			return unless(watch.leaving.Load(), err)
		}
		room.Take(run)
		sent := time.Now()
		run.Sent.Add(1)
		client.Produce(sending, &kgo.Record{Value: source.Next()}, func(record *kgo.Record, err error) {
			room.Give()
			if err == nil {
				run.Acknowledged(sent, len(record.Value))
			} else if !watch.leaving.Load() {
				run.Failed(err)
			}
		})
		run.Pace()
	}
	return unless(watch.leaving.Load(), transaction.End())
}

func unless(leaving bool, err error) error {
	if leaving {
		return nil
	}
	return err
}

func consumeOptions(run *program.Run, instance int) []kgo.Opt {
	options := []kgo.Opt{
		kgo.ConsumeTopics(run.Config.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
	if run.Config.Group == "" {
		return options
	}
	assignedBefore := false
	// Callbacks of our own replace the library's, which commit; with rebalances blocked while we read, all that was polled is done.
	revoked := func(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			run.Failed(err)
		}
		run.Event("revoked", fmt.Sprintf("%d: %v", instance, partitions[run.Config.Topic]))
	}
	lost := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		run.Event("revoked", fmt.Sprintf("%d: lost %v", instance, partitions[run.Config.Topic]))
	}
	return append(options, kgo.ConsumerGroup(run.Config.Group), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			if assignedBefore {
				run.Rebalances.Add(1)
			}
			assignedBefore = true
			run.Event("assigned", fmt.Sprintf("%d: %v", instance, partitions[run.Config.Topic]))
		}),
		kgo.OnPartitionsRevoked(revoked), kgo.OnPartitionsLost(lost))
}

func consume(run *program.Run, instance int) error {
	own, err := ownOptions(run.Config.Consumer)
	if err != nil {
		return err
	}
	client, watch, err := open(run, append(consumeOptions(run, instance), own...)...)
	if err != nil {
		return err
	}
	polling, leave := context.WithCancel(context.Background())
	defer leave()
	go func() {
		for !run.ConsumedEnough() {
			time.Sleep(20 * time.Millisecond)
		}
		watch.leaving.Store(true)
		leave()
	}()
	for polling.Err() == nil {
		fetches := client.PollFetches(polling)
		fetches.EachError(func(_ string, _ int32, err error) {
			if polling.Err() == nil {
				run.Failed(err)
			}
		})
		fetches.EachRecord(func(record *kgo.Record) { run.Take(instance, record.Partition, record.Value) })
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
	return nil
}
