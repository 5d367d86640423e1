/** What passes, by API, and the connections that it passes over. */
import { BY_API, type Definitions } from './definition.ts'

export const TRAFFIC: Definitions = {
  sluice_requests_total: {
    type: 'counter',
    help: 'Requests forwarded or answered, by API.',
    labels: ['api'],
    bounds: BY_API,
    source: 'the header of each request',
  },
  sluice_request_bytes_total: {
    type: 'counter',
    help: 'Bytes of request frames, by API.',
    labels: ['api'],
    bounds: BY_API,
    source: 'the size prefix of each request, itself included',
  },
  sluice_response_bytes_total: {
    type: 'counter',
    help: 'Bytes of response frames, by API.',
    labels: ['api'],
    bounds: BY_API,
    source: 'the size prefix of each answer, itself included',
  },
  sluice_records_total: {
    type: 'counter',
    help: 'Records that passed, by direction.',
    labels: ['direction'],
    bounds: '2',
    source: '`recordsCount` of the record batch headers of Produce requests and Fetch answers',
    caveat: 'Compressed message sets of before Kafka 0.11 count as one record each. Transaction markers do not count.',
  },
  sluice_errors_total: {
    type: 'counter',
    help: 'Answers that carried a Kafka error, by API and error.',
    labels: ['api', 'error'],
    bounds: "APIs that were seen × Kafka's error codes (at most 160)",
    source: 'every `errorCode` of the answers, those of partitions included',
    caveat: 'Counts error codes: an answer with an error for each of ten partitions counts ten.',
  },
  sluice_broker_latency_seconds: {
    type: 'histogram',
    help: 'Time from forwarding a request to its answer.',
    labels: ['api'],
    bounds: BY_API,
    source: 'from the last byte of a request written towards the broker to the first byte of its answer',
    caveat:
      'Fetch waits for data (`fetch.max.wait.ms`), JoinGroup and SyncGroup for other members. No answer (acks=0), no latency.',
  },
  sluice_broker_throttle_seconds_total: {
    type: 'counter',
    help: 'Throttle time that the brokers themselves asked for, by API.',
    labels: ['api'],
    bounds: BY_API,
    source: '`throttleTimeMs` of the answers, before ours is written into it',
  },
  sluice_hold_seconds: {
    type: 'histogram',
    help: 'Time that held requests were held.',
    labels: ['api'],
    bounds: BY_API,
    source: 'from the first look at a request to its being forwarded',
    caveat:
      "Requests that were not held are not counted. Time in the kernel's buffers behind a held request is not seen.",
  },
  sluice_connections: {
    type: 'gauge',
    help: 'Client connections open now.',
    labels: [],
    bounds: '1',
    source: 'accepted sockets',
  },
  sluice_connections_total: {
    type: 'counter',
    help: 'Client connections by what became of them at accept.',
    labels: ['result'],
    bounds: '2',
    source: 'accepted sockets',
  },
  sluice_disconnects_total: {
    type: 'counter',
    help: 'Client connections that ended, by reason.',
    labels: ['reason'],
    bounds: 'the reasons of `src/session/counters.ts`',
    source: 'the first side to end, or the fault that ended it',
  },
}
