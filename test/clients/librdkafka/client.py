"""The client program over librdkafka (confluent-kafka); test/clients/contract.ts says what it does."""

import json
import logging
import math
import os
import random
import sys
import threading
import time
import traceback
import zlib

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

POOL_BYTES = 1 << 20
TRANSACTION_RECORDS = 100
LATENCY_LEAST_MS = 0.01
LATENCY_GROWTH = 1.05
DISCONNECTS = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}
TIMEOUTS = {KafkaError._TIMED_OUT, KafkaError._MSG_TIMED_OUT, KafkaError.REQUEST_TIMED_OUT}
COUNTERS = (
    "sent acked bytes errors timeouts disconnects rebalances received receivedBytes duplicates outOfOrder corrupt"
).split()
output_lock = threading.Lock()


def say(message):
    with output_lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def filler_pool(size):
    """Bytes that do not compress, the same in every run."""
    return random.Random(1).randbytes(size)


class RecordSource:
    """The records of one instance in one run, in order."""

    def __init__(self, run, instance, record_bytes):
        self.prefix = f"{run} {instance} "
        self.record_bytes = record_bytes
        self.pool = filler_pool(max(POOL_BYTES, record_bytes * 2))
        self.sequence = 0

    def next(self):
        prefix = f"{self.prefix}{self.sequence} "
        size = max(0, self.record_bytes - len(prefix) - 9)
        start = (self.sequence * 7919) % (len(self.pool) - size)
        filler = self.pool[start : start + size]
        self.sequence += 1
        return f"{prefix}{zlib.crc32(filler):08x} ".encode() + filler


class RecordChecker:
    """Looks at every record received: whole, new, in order?"""

    def __init__(self, only_run):
        self.only_run = only_run
        self.seen = {}
        self.last_in_partition = {}
        self.distinct = 0

    def check(self, run, reader, partition, value):
        parts = value.split(b" ", 4)
        if len(parts) < 5:
            run.add("corrupt")
            return
        if self.only_run is not None and parts[0].decode() != self.only_run:
            return
        if zlib.crc32(parts[4]) != int(parts[3], 16):
            run.add("corrupt")
        source, sequence = (reader, parts[0], parts[1]), int(parts[2])
        seen = self.seen.setdefault(source, set())
        if sequence in seen:
            run.add("duplicates")
            return
        seen.add(sequence)
        self.distinct += 1
        lane = (source, partition)
        if sequence < self.last_in_partition.get(lane, -1):
            run.add("outOfOrder")
        else:
            self.last_in_partition[lane] = sequence

    def gaps(self):
        return sum(max(seen) + 1 - len(seen) for seen in self.seen.values())


class Run:
    """One run of the program: its configuration, its counters, its voice."""

    def __init__(self, mode, config):
        self.mode = mode
        self.config = config
        self.connections = config.get("connections", 1)
        self.record_bytes = config.get("recordBytes", 1024)
        self.name = config.get("run") or f"{random.getrandbits(40):x}"
        self.checker = RecordChecker(config.get("run") or (self.name if mode == "roundtrip" else None))
        self.counts = dict.fromkeys(COUNTERS, 0)
        self.latencies = {}
        self.lost = None
        self.stop_asked = False
        self.lock = threading.RLock()
        self.started = time.monotonic()

    def add(self, counter, amount=1):
        with self.lock:
            self.counts[counter] += amount

    def elapsed(self):
        return time.monotonic() - self.started

    def over(self):
        """True when it is time to go, by the clock or by request."""
        return self.stop_asked or self.elapsed() >= self.config.get("seconds", math.inf)

    def drains(self):
        return "count" in self.config or self.config.get("drain", False)

    def share(self, instance):
        if "count" not in self.config:
            return math.inf
        each, rest = divmod(self.config["count"], self.connections)
        return each + (1 if instance < rest else 0)

    def consumed_enough(self):
        readers = 1 if "group" in self.config or self.mode != "consume" else self.connections
        return self.over() or self.checker.distinct >= self.config.get("count", math.inf) * readers

    def latency(self, ms):
        bucket = max(0, round(math.log(max(ms, LATENCY_LEAST_MS) / LATENCY_LEAST_MS, LATENCY_GROWTH)))
        with self.lock:
            self.latencies[bucket] = self.latencies.get(bucket, 0) + 1

    def percentile(self, share):
        with self.lock:
            left = sum(self.latencies.values()) * share
            for bucket in sorted(self.latencies):
                left -= self.latencies[bucket]
                if left <= 0:
                    return round(LATENCY_LEAST_MS * LATENCY_GROWTH**bucket, 2)
        return 0

    def event(self, kind, text):
        counter = {"error": "errors", "timeout": "timeouts", "disconnect": "disconnects"}.get(kind)
        if counter is not None:
            self.add(counter)
        say({"t": "event", "kind": kind, "text": text[:500]})

    def say_counts(self, kind):
        with self.lock:
            lost = self.checker.gaps() if self.lost is None else self.lost
            say(
                {
                    "t": kind,
                    "seconds": round(self.elapsed(), 3),
                    **self.counts,
                    "p50Ms": self.percentile(0.5),
                    "p99Ms": self.percentile(0.99),
                    "lost": lost,
                }
            )


class LibraryLog(logging.Handler):
    """librdkafka tells of requests given up, and of connections that ended, in its log only."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def emit(self, record):
        text = record.getMessage()
        if "timed out" in text.lower():
            self.run.event("timeout", text)
        elif "FAIL" in text:
            self.run.event("disconnect", text)
        else:
            sys.stderr.write(text + "\n")


def client_settings(run, overrides):
    config = run.config
    logger = logging.getLogger("librdkafka")
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        logger.addHandler(LibraryLog(run))

    def on_error(error):
        # Transport errors come by the log too, with more words; they are counted there.
        if error.code() in TIMEOUTS:
            run.event("timeout", str(error))
        elif error.code() not in DISCONNECTS:
            run.event("error", str(error))

    settings = {"bootstrap.servers": config["bootstrap"], "error_cb": on_error, "logger": logger}
    if "clientId" in config:
        settings["client.id"] = config["clientId"]
    if "sasl" in config:
        sasl = config["sasl"]
        settings |= {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": sasl["mechanism"],
            "sasl.username": sasl["username"],
            "sasl.password": sasl["password"],
        }
    return settings | config.get(overrides, {})


def produce(run, instance):
    config = run.config
    settings = client_settings(run, "producer")
    for ours, theirs in (("acks", "acks"), ("idempotent", "enable.idempotence"), ("compression", "compression.type")):
        if ours in config:
            settings.setdefault(theirs, config[ours])
    transaction_records = 0
    if "transactionalId" in config:
        settings["transactional.id"] = f"{config['transactionalId']}-{instance}"
        transaction_records = config.get("transactionRecords", TRANSACTION_RECORDS)
    producer = Producer(settings)
    if transaction_records > 0:
        producer.init_transactions()
    source = RecordSource(run.name, instance, run.record_bytes)
    pending_max = config.get("maxPending", math.inf)
    rate = config.get("bytesPerSecond")
    left = False

    def produced_at(sent):
        def delivered(error, message):
            if error is None:
                run.add("acked")
                run.add("bytes", len(message.value() or b"") or run.record_bytes)
                run.latency((time.monotonic() - sent) * 1000)
            elif not left:
                if error.code() in TIMEOUTS:
                    run.add("timeouts")
                run.event("error", str(error))

        return delivered

    topics = [config["topic"], config.get("otherTopic", config["topic"])]
    sent_here = 0
    share = run.share(instance)
    while sent_here < share and not run.over():
        if rate is not None and run.counts["sent"] * run.record_bytes > rate * run.elapsed():
            producer.poll(0.005)
            continue
        if len(producer) >= pending_max:
            producer.poll(0.05)
            continue
        if transaction_records > 0 and sent_here % transaction_records == 0:
            if sent_here > 0:
                producer.commit_transaction()
            producer.begin_transaction()
        value = source.next()
        while not run.over():
            try:
                producer.produce(topics[sent_here % 2], value, on_delivery=produced_at(time.monotonic()))
                run.add("sent")
                sent_here += 1
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    if run.drains():
        if transaction_records > 0 and sent_here > 0:
            producer.commit_transaction()
        while len(producer) > 0:
            producer.poll(0.1)
    left = True
    producer.purge()
    producer.flush(5)


def consume(run, instance):
    config = run.config
    settings = {"auto.offset.reset": "earliest", "group.id": config.get("group", f"{run.name}-{instance}")}
    consumer = Consumer(settings | client_settings(run, "consumer"))
    topic = config["topic"]
    assigned_before = False

    def on_assign(_, partitions):
        nonlocal assigned_before
        if assigned_before:
            run.add("rebalances")
        assigned_before = True
        run.event("assigned", f"{instance}: {[partition.partition for partition in partitions]}")

    def on_revoke(_, partitions):
        run.event("revoked", f"{instance}: {[partition.partition for partition in partitions]}")

    if "group" in config:
        consumer.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke, on_lost=on_revoke)
    else:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    while not run.consumed_enough():
        for message in consumer.consume(500, timeout=0.1):
            if message.error() is not None:
                run.event("error", str(message.error()))
                continue
            value = message.value()
            run.add("received")
            run.add("receivedBytes", len(value))
            with run.lock:
                run.checker.check(run, 0 if "group" in config else instance, message.partition(), value)
    consumer.close()


def each(run, work):
    failures = []

    def guarded(instance):
        try:
            work(run, instance)
        except Exception:
            failures.append(traceback.format_exc())
            run.stop_asked = True

    threads = [threading.Thread(target=guarded, args=(instance,), daemon=True) for instance in range(run.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])


def run_mode(run):
    if run.mode == "produce":
        each(run, produce)
    elif run.mode == "consume":
        each(run, consume)
    elif run.mode == "roundtrip":
        each(run, produce)
        consume(run, 0)
        run.lost = run.config["count"] - run.checker.distinct
    else:
        raise ValueError(f"unknown mode {run.mode}")


def main():
    from_stdin = len(sys.argv) < 3
    run = Run(sys.argv[1], json.loads(sys.stdin.readline() if from_stdin else sys.argv[2]))

    def wait_for_stop():
        sys.stdin.readline()
        run.stop_asked = True

    def tell_progress():
        while True:
            time.sleep(1)
            run.say_counts("progress")

    threading.Thread(target=tell_progress, daemon=True).start()
    if from_stdin:
        threading.Thread(target=wait_for_stop, daemon=True).start()
    try:
        run_mode(run)
        run.say_counts("result")
        code = 0
    except (Exception, KafkaException):
        say({"t": "error", "message": traceback.format_exc()})
        code = 1
    # Not sys.exit: the thread that waits on stdin holds a lock that the interpreter's end would want.
    os._exit(code)


main()
