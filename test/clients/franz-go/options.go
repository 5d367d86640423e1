package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"kafka-sluice/test/clients/program"
)

// The library's own words are its functions' names. Durations are in milliseconds.
var optionsByName = map[string]func(value int) kgo.Opt{
	"ProducerBatchMaxBytes":  func(value int) kgo.Opt { return kgo.ProducerBatchMaxBytes(int32(value)) },
	"ProducerLinger":         func(value int) kgo.Opt { return kgo.ProducerLinger(time.Duration(value) * time.Millisecond) },
	"MaxBufferedRecords":     func(value int) kgo.Opt { return kgo.MaxBufferedRecords(value) },
	"FetchMaxBytes":          func(value int) kgo.Opt { return kgo.FetchMaxBytes(int32(value)) },
	"FetchMaxPartitionBytes": func(value int) kgo.Opt { return kgo.FetchMaxPartitionBytes(int32(value)) },
	// 1 for read_committed.
	"FetchIsolationLevel": func(value int) kgo.Opt {
		if value == 1 {
			return kgo.FetchIsolationLevel(kgo.ReadCommitted())
		}
		return kgo.FetchIsolationLevel(kgo.ReadUncommitted())
	},
}

func ownOptions(overrides json.RawMessage) ([]kgo.Opt, error) {
	if len(overrides) == 0 {
		return nil, nil
	}
	var values map[string]int
	if err := json.Unmarshal(overrides, &values); err != nil {
		return nil, err
	}
	var options []kgo.Opt
	for name, value := range values {
		option, known := optionsByName[name]
		if !known {
			return nil, fmt.Errorf("this program does not know franz-go's option %s", name)
		}
		options = append(options, option(value))
	}
	return options, nil
}

func saslOptions(sasl *program.Sasl) ([]kgo.Opt, error) {
	if sasl == nil {
		return nil, nil
	}
	login := scram.Auth{User: sasl.Username, Pass: sasl.Password}
	switch sasl.Mechanism {
	case "PLAIN":
		return []kgo.Opt{kgo.SASL(plain.Auth{User: sasl.Username, Pass: sasl.Password}.AsMechanism())}, nil
	case "SCRAM-SHA-256":
		return []kgo.Opt{kgo.SASL(login.AsSha256Mechanism())}, nil
	case "SCRAM-SHA-512":
		return []kgo.Opt{kgo.SASL(login.AsSha512Mechanism())}, nil
	}
	return nil, fmt.Errorf("unknown mechanism %s", sasl.Mechanism)
}
