/** Consumers and their groups: lag, end-to-end latency, rebalances, heartbeats. */
import { BY_GROUP, BY_PARTITION, type Definitions } from './definition.ts'

const WHICH_GROUP =
  'A Fetch names no group: it is that of the client id and user. Where those are in several groups, or in none, the label is empty.'

export const CONSUMERS: Definitions = {
  sluice_consumer_lag_records: {
    type: 'gauge',
    help: 'Offsets between what a group has fetched and the high watermark, by partition.',
    labels: ['group', 'topic', 'partition'],
    bounds: BY_PARTITION,
    source:
      '`highWatermark` of Fetch answers less `fetchOffset` of Fetch requests and the ends of the batches delivered since, through incremental sessions (KIP-227), ids and names of topics',
    caveat:
      `As old as the last Fetch answer that named the partition; one that nobody fetches through this sluice keeps its last value until \`metrics.idle\`. ` +
      `Records that were fetched ahead and not yet handled do not count. Transaction markers and gaps of compaction do. ${WHICH_GROUP}`,
  },
  sluice_consumer_committed_lag_records: {
    type: 'gauge',
    help: 'Offsets between what a group has committed and the high watermark, by partition.',
    labels: ['group', 'topic', 'partition'],
    bounds: BY_PARTITION,
    source:
      '`highWatermark` of Fetch answers less `committedOffset` of OffsetCommit and TxnOffsetCommit requests that succeeded, and of OffsetFetch answers: what a consumer asks for when it starts',
    caveat:
      'The high watermark is the last that any client of this sluice was told. Known from the start of a consumer whose group has committed before, else from the first commit that passes. ' +
      'What a tool asks of another group counts for that group, which may commit elsewhere: its lag then grows until somebody asks again or `metrics.idle` is over. ' +
      'Offsets in a transaction count when they are answered, before it ends. Grows between two commits.',
  },
  sluice_consumer_end_to_end_latency_seconds: {
    type: 'histogram',
    help: 'Age of fetched record batches when they pass: our clock less the newest timestamp of each batch.',
    labels: ['group'],
    bounds: BY_GROUP,
    source: '`maxTimestamp` of the record batch headers in Fetch answers',
    caveat:
      'CreateTime is the clock of the producer (or whatever it wrote): skew between the two machines is in it, and a time ahead of ours counts as 0. ' +
      'Topics with LogAppendTime show the time since the broker took it. Of a batch the newest record counts, so it is a lower bound. ' +
      `A consumer that reads old data shows its age. ${WHICH_GROUP}`,
  },
  sluice_consumer_timestamps_ahead_total: {
    type: 'counter',
    help: 'Fetched record batches whose newest timestamp was more than a second ahead of our clock.',
    labels: ['group'],
    bounds: BY_GROUP,
    source: '`maxTimestamp` of the record batch headers in Fetch answers',
    caveat: 'While it grows, end-to-end latency says nothing: one of the clocks is wrong.',
  },
  sluice_group_members: {
    type: 'gauge',
    help: 'Members of the group that are behind this sluice and were heard of lately.',
    labels: ['group'],
    bounds: BY_GROUP,
    source: 'member ids of JoinGroup, Heartbeat, SyncGroup, LeaveGroup and ConsumerGroupHeartbeat',
  },
  sluice_group_rebalances_total: {
    type: 'counter',
    help: 'Rebalances of the group: new generations, or with KIP-848 new epochs, by what was seen to cause them.',
    labels: ['group', 'reason'],
    bounds:
      'groups as above × 6 reasons: `rejoined`, `elsewhere`, `member_joined`, `member_left`, `member_lost`, `poll_timeout`',
    source: '`generationId` of JoinGroup answers, `memberEpoch` of ConsumerGroupHeartbeat answers',
    caveat:
      'Only what members behind this sluice see. One that others cause, or new partitions, has the reason `elsewhere`; `member_lost` is a session that timed out or was fenced, `poll_timeout` Java’s `max.poll.interval.ms`. ' +
      'With KIP-848 an epoch that changes nothing for our members is seen when their heartbeat is answered, up to 5 s later, and two close together count once.',
  },
  sluice_group_rebalance_seconds: {
    type: 'histogram',
    help: 'Time from the first sign of a rebalance until the members behind this sluice have their partitions again.',
    labels: ['group'],
    bounds: BY_GROUP,
    source:
      'from the first JoinGroup, leave or REBALANCE_IN_PROGRESS to the next SyncGroup answer; with KIP-848 until every member has come to the new epoch and acknowledged what it was assigned',
    caveat: 'A first JoinGroup waits `group.initial.rebalance.delay.ms` (3 s) at the broker.',
  },
  sluice_group_heartbeat_gap_seconds: {
    type: 'histogram',
    help: 'Time between two heartbeats of a member.',
    labels: ['group'],
    bounds: BY_GROUP,
    source: 'Heartbeat and ConsumerGroupHeartbeat requests of a member id',
    caveat:
      'What comes near the session time-out (45 s in Java and franz-go, 30 s in kafkajs, 10 s in Sarama) will end in a rebalance.',
  },
}
