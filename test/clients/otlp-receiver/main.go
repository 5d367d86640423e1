// The OpenTelemetry Collector's own OTLP receiver, without the collector around it: listens where it is told, and prints each push that
// it has taken as a line of OTLP's JSON. Ends when its input does.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
)

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, endpoint string) error {
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	http := map[string]any{"endpoint": endpoint}
	written := confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": http}})
	if err := written.Unmarshal(config); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	print, err := consumer.NewMetrics(func(_ context.Context, metrics pmetric.Metrics) error {
		text, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(metrics)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, string(text))
		return out.Flush()
	})
	if err != nil {
		return err
	}
	settings := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	running, err := factory.CreateMetrics(ctx, settings, config, print)
	if err != nil {
		return err
	}
	if err := running.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return running.Shutdown(ctx)
}
