/**
 * Every hard limit in one place, each with its reason. A queue, buffer, map or wait that is not listed here has no business
 * growing. Plain constants without imports, so that the pure rooms may use them too.
 */

// Frames

/** Largest frame that is let through: the broker's own `socket.request.max.bytes` default. `limits.frameBytesMax` changes it. */
export const FRAME_BYTES_MAX = 104_857_600

/** Requests of one connection that may await their answers. Java keeps 5, librdkafka up to 1,000,000: TCP holds back the rest. */
export const IN_FLIGHT_MAX = 1024

/** Largest answer (of Metadata: its broker list) that is awaited whole to rewrite its addresses. 1,000 brokers are about 60 kB; it must fit into
 * a read buffer with room to spare. */
export const REWRITE_BYTES_MAX = 196_608

// Read buffers

/** Read buffer of a connection that has not moved much data yet, so that idle ones stay cheap. */
export const READ_BUFFER_SMALL_BYTES = 16_384

/** Read buffer of a busy direction: measured, larger ones bring no more throughput. */
export const READ_BUFFER_BYTES = 262_144

// Connections and time

/** Client connections kept at a time; more are refused. 10,000 small buffers both ways are 320 MB. */
export const CONNECTIONS_MAX = 10_000

/**
 * A client that connects and does not send a whole first frame by then is closed: as the broker's `connections.max.idle.ms`. kafkajs
 * was seen to open connections ahead of need; a flood of silent ones loses them earlier, to newer ones.
 */
export const FIRST_FRAME_TIMEOUT_MS = 600_000

/** A frame that began and of which nothing more comes: longer than any client's own request time-out (60 s, librdkafka). */
export const STALLED_FRAME_TIMEOUT_MS = 60_000

/**
 * A side that takes not one buffer of what it was given: closed, or it would keep its connection and buffers for ever. As long as
 * the broker keeps a connection without progress (`connections.max.idle.ms`): a consumer reads only when it polls.
 */
export const UNREAD_TIMEOUT_MS = 600_000

/** To connect to a broker: Java's `socket.connection.setup.timeout.ms` starts at 10 s, so the client hears of it from us. */
export const DIAL_TIMEOUT_MS = 8_000

/** A broker that refuses connections is asked again whether it is back: at first as often as clients try, then once a second. */
export const ABSENCE_ASK_MIN_MS = 100
export const ABSENCE_ASK_MAX_MS = 1_000

/** For a client's TLS handshake, from the first byte to the last: some round trips. As long as Java gives a connection to come about. */
export const TLS_HANDSHAKE_TIMEOUT_MS = 10_000

/** TLS handshakes at a time: each takes a millisecond of CPU, and what more come at once would time out anyway. */
export const TLS_HANDSHAKES_MAX = 2_000

/** Largest file of a certificate chain, a key, authorities, a password or a token. */
export const SECRET_FILE_BYTES_MAX = 1_048_576

/** After one side has said goodbye: how long the other may take to finish. */
export const LINGER_MS = 30_000

/** From SIGTERM to exit: below the 30 s after which Kubernetes kills. */
export const DRAIN_DEADLINE_MS = 25_000

/** Within this a second signal is the first one again: from the terminal and from whatever started us (`timeout`, npm). */
export const SIGNAL_ECHO_MS = 250

// Limiter

/** Buckets kept at a time, about 100 bytes and a key each. Keys beyond it share one overflow bucket a quota. */
export const BUCKETS_MAX = 100_000

/**
 * How long a new connection's first request may wait for its place under a quota on connections, before the connection is closed:
 * librdkafka and franz-go give their first request 10 s, kafka-go 5 s.
 */
export const CONNECTION_HOLD_MS = 3_000

/** Buckets of `newConnections` that one connection is known to have paid in: it goes by several client ids. The oldest is forgotten. */
export const PAID_KEYS_MAX = 100

/** Longest wait that a refusal of mutations tells: below the 30 s after which admin clients give up on a request. */
export const MUTATION_THROTTLE_MAX_MS = 25_000

/**
 * Most that one topic of a request is charged: a KRaft controller refuses a CreateTopics of more partitions than that
 * (`ReplicationControlManager.MAX_PARTITIONS_PER_BATCH`, POLICY_VIOLATION) and writes no more records for one request of any kind
 * (`QuorumController.MAX_RECORDS_PER_USER_OP`). One that asked for 2³¹ and was never answered would leave a debt of years.
 */
export const MUTATION_COST_MAX = 10_000

/** A request is let go this long before its login runs out, or the broker would close the connection on it. */
export const SASL_MARGIN_MS = 1_000

/** Deepest debt that a client carries away when it was let go before its time: below every request time-out of 30 s. */
export const DEBT_MAX_MS = 20_000

/** A clock that steps back by less stands still for that long; by more, it goes on from where it was. */
export const CLOCK_STEP_BACK_MAX_MS = 1_000

/** Idle buckets looked at when a new one is made: enough to forget faster than clients can come. */
export const SWEEP_BUCKETS = 4

/** Idle buckets looked at when the table is full, before a key is sent to the overflow bucket. */
export const SWEEP_FULL_BUCKETS = 64

/** Keys of divided buckets kept at a time, over all buckets; about 300 bytes each. Keys beyond it share one overflow flow a bucket and weight. */
export const SHARES_MAX = 100_000

/** Who waits in line asks again after at most this long, so that it notices when others left; and not sooner than a timer can tell. */
export const SHARE_ASK_MAX_MS = 100
export const SHARE_ASK_MIN_MS = 1

/** Above 2,000 frames in one line they ask less often, so that all together ask no more than this: an ask and a wake-up take some µs. */
export const SHARE_ASKS_PER_MS = 20

/** A line waits so long for the key whose turn is next and that was told so: what timers and a busy event loop take, and well within `BURST_MIN_MS`. */
export const SHARE_AWAIT_MS = 20

/** Least part of a divided bucket that lower classes are sure of, whatever the quota says: they would starve without any. */
export const SHARE_MINIMUM_LEAST = 0.001

/** Tags of a divided bucket are set back here: doubles still tell a thousandth of a byte apart. */
export const SHARE_TAG_MAX: number = 2 ** 40

/** Gauges (`connections`, `inFlight`) kept at a time: each is held by a connection, and few of them by one. Keys beyond it share one. */
export const LEVELS_MAX = 100_000

/** A limit that ramps in is first watched for this part of its time, at most this long: several windows of use, and not a second ramp. */
export const RAMP_OBSERVE_PART = 0.1
export const RAMP_OBSERVE_MAX_MS = 60_000

/** Use is measured over windows of at least this: shorter ones would take one large frame for a rate. */
export const RAMP_WINDOW_MS = 1_000

/** Steps in which a limit comes down: from ten times the limit, each is 11 % less. */
export const RAMP_STEPS = 20

// Policy

/** Longest bucket key, in characters; a longer one is cut and ends in its hash. 100,000 keys of 32 kB would be 3 GB. */
export const BUCKET_KEY_CHARS_MAX = 256

/** Characters of a value that a regular expression sees: together with the checks on the pattern it bounds the time of one match. */
export const REGEX_INPUT_CHARS_MAX = 256

/** Longest pattern of a match. */
export const PATTERN_CHARS_MAX = 512

/** Repeats in one regular expression: each may multiply the time by the length of the input. Two take 4 ms at worst, three 200 ms. */
export const REGEX_REPEATS_MAX = 2

/** In rules for the subjects of certificates: Kafka's own example has six. */
export const MAPPING_REPEATS_MAX = 8

/**
 * All mapping rules over one subject: some µs but for a certificate made to stall us. Its connection is refused, the others wait that
 * long. It is time on the wall, of which a busy machine may take away a tenth of a second.
 */
export const MAPPING_TIME_MAX_MS = 250

/** Longest subject of a certificate that a mapping rule looks at: names of people and services are half as long. */
export const SUBJECT_CHARS_MAX = 256

/** Least burst: a frame starts up to some ms after its time, because timers do, and that lateness must not cost service. */
export const BURST_MIN_MS = 100

/** Largest burst: an hour of the rate. */
export const BURST_MAX_MS = 3_600_000

/** Rates that make sense, in units per second: from one request in an hour to 1 TB/s. */
export const RATE_MIN_PER_SECOND: number = 1 / 3600
export const RATE_MAX_PER_SECOND = 1e12

/** Most connections, or requests in flight, that a quota may allow at a time: more is no limit in one process. */
export const LEVEL_MAX = 1_000_000

/** Weights of a shared quota: beyond a thousand to one, the lighter one sees nothing of the rate. */
export const WEIGHT_MIN = 0.01
export const WEIGHT_MAX = 1_000

/** What lower classes of a shared quota can be sure of: at least a trickle, so that nobody starves, at most nearly all. */
export const SHARE_MINIMUM_MIN = 0.01
export const SHARE_MINIMUM_MAX = 0.9

/** Longest time that a new limit takes to come down; a week sees every day of the week at work. */
export const RAMP_MAX_MS = 604_800_000

/** Longest hold and throttle that a `clients:` entry may ask for: requests time out at 30 s in most libraries. */
export const HOLD_MAX_MS = 20_000
export const STAMP_MAX_MS = 25_000

/** Fewer quotas and overrides are gone through as fast as an answer is remembered. */
export const RECALL_MATCHERS_MIN = 32

/** Answers of a policy that are remembered, with the buckets that they name: about 150 bytes each. */
export const RECALL_ANSWERS_MAX = 20_000

/** Longest names for which that is done: a client id may have 32 kB. */
export const RECALL_KEY_CHARS_MAX = 1_024

// Memory

/** How long no request may have passed for the heap to be collected (`cli/idle-memory.ts`). */
export const IDLE_LOOK_MS = 15_000

/** How often again while that lasts: scrapes and health checks go on. A multiple of the former. */
export const IDLE_COLLECT_AGAIN_MS = 600_000

// Configuration

/** Largest configuration file: thousands of quotas fit. */
export const CONFIG_FILE_BYTES_MAX = 1_048_576

/** Times that YAML aliases may be resolved in one file (`maxAliasCount`): stops the "billion laughs". */
export const YAML_ALIASES_MAX = 100

/** Quotas in a policy and overrides in a quota: every one is looked at when a client is new. */
export const QUOTAS_MAX = 1_000
export const OVERRIDES_MAX = 1_000

/** Windows in the schedule of one quota: each is asked every minute whether it is open. */
export const SCHEDULE_WINDOWS_MAX = 100

/** Compiled windows kept: thousands of quotas share a few patterns. */
export const CRONS_MAX = 1_000

/** Matches in one list of exceptions: each is asked about every new client. */
export const EXCEPTIONS_MAX = 1_000

/** Labels of one workload; Kubernetes allows 256 kB of them all together. */
export const LABELS_MAX = 500
export const LABEL_NAME_CHARS_MAX = 317
export const LABEL_VALUE_CHARS_MAX = 256

/** Largest file of labels: as Kubernetes' own bound for annotations. */
export const LABELS_FILE_BYTES_MAX = 262_144

/** How often the cluster may be asked for its own quotas: often enough to follow, not so often that brokers notice. */
export const FOLLOW_INTERVAL_MIN_MS = 1_000
export const FOLLOW_INTERVAL_MAX_MS = 3_600_000

/** How long a configuration file must stand still before it is read: editors and tools write in several steps. */
export const CONFIG_SETTLE_MS = 300

/** A file that never stands still is read after so long anyway. */
export const CONFIG_SETTLE_MAX_MS = 5_000

/** How often the file is looked at where no event comes: network mounts and some container mounts send none. */
export const CONFIG_POLL_MS = 3_000

/** Faults shown at once; a file with more is not a sluice configuration. */
export const FAULTS_MAX = 100

// Sessions

/** Largest request that is looked into whole: ApiVersions and SASL tokens (a Kerberos ticket with many groups is 64 kB). */
export const INSPECT_BYTES_MAX = 131_072

/** Least that a Fetch may bring, in time at the limit: more than a round trip, so that one active consumer among many idle ones gets it all. */
export const FETCH_LEAST_MS = 100

/** Debt of a bucket from which that least shrinks, to nothing at twice as much: many fetch at once, and each waits for the answers of all others. */
export const FETCH_CROWDED_MS = 500

/** Topics, and groups, that one connection keeps buckets for; with more, it asks the policy again for the oldest. */
export const SESSION_TOPICS_MAX = 1_000
export const SESSION_GROUPS_MAX = 100

/** Fetch answers up to this size are awaited whole, so that the leaders they name (KIP-951) can be rewritten: errors carry no data. */
export const TAIL_ADDRESSES_BYTES_MAX = 4096

/**
 * Bytes that a client's and our kernel may hold between them: Linux' loopback send buffer grows to 4 MB, and a receive buffer that
 * was read fast in a burst was seen to grow to 4 MB too (e2e: eight flooding librdkafka producers, `ss -m`).
 */
export const KERNEL_QUEUE_BYTES = 8_388_608

/** Brokers of one cluster. */
export const BROKERS_MAX = 4096

/** Topics whose ids and partition counts are kept, about 300 bytes each. More than nearly all clusters have; those in use outlast the rest. */
export const TOPICS_MAX = 20_000

/** Clients (client id and principal) whose consumer group is kept, about 400 bytes each. One a connection at most are heard of. */
export const GROUP_CLIENTS_MAX = 10_000

/** Groups of one client: a tool that looks at many belongs to none of them. */
export const GROUPS_PER_CLIENT_MAX = 16

/** Longest client id, principal and group that are kept: a client may send 32 kB of each. */
export const GROUP_KEY_CHARS_MAX = 256

/** A group that a client has not named for so long makes nothing ambiguous: longer than any library's heartbeat interval. */
export const GROUP_AMBIGUITY_MS = 90_000

/** The last group known is remembered for so long: a consumer may stay away for a deployment and be the same afterwards. */
export const GROUP_MEMORY_MS = 3_600_000

/** A group that a client left and did not name since: other members of the same name send a heartbeat every 3 to 5 s. */
export const GROUP_LEAVE_MS = 15_000

/** Clients looked at, when the book of groups is full, for the one that was heard of longest ago. */
export const SWEEP_GROUP_CLIENTS = 8

/** How often groups that were not heard of are looked for. */
export const GROUP_SWEEP_MS = 10_000

/** Topics that are told apart in the frames of one connection, about 100 bytes each; what goes beyond counts as one nameless topic. */
export const FRAME_TOPICS_MAX = 1_024

/** Partitions of one connection whose fetch positions are kept, about 60 bytes each: as many as one broker should lead (4,000). */
export const FETCH_PARTITIONS_MAX = 4_096

/** Our own question for the brokers: its answer has no topics, and a broker that takes longer is no help. */
export const QUERY_BYTES_MAX = 1_048_576
export const QUERY_TIMEOUT_MS = 5_000

/** The answer to our question for the cluster's quotas: 10,000 entities with long names are about 4 MB. */
export const KAFKA_QUOTAS_BYTES_MAX = 8_388_608

/** Quotas of a cluster that are followed: every one is looked at when a client is new, which takes some ms then. */
export const KAFKA_QUOTAS_MAX = 10_000

/** The first wait after a question for the cluster's quotas had no answer; each further one is twice as long, up to the interval. */
export const FOLLOW_RETRY_MS = 2_000

// Logins of our own

/** Before a refused login is answered: Kafka's connection.failed.authentication.delay.ms. Guessing then takes as many connections. */
export const LOGIN_REFUSAL_DELAY_MS = 100

/**
 * To log in where logins are verified here, from the connection on. Clients do so at once; the time is for a verification that waits its turn
 * behind others. Who is unknown holds a connection to the broker meanwhile.
 */
export const CLIENT_LOGIN_TIMEOUT_MS = 30_000

/** Passwords stretched at a time, of four threads that files and host names need too. */
export const VERIFICATIONS_MAX = 2

/** Users in one file. */
export const USERS_MAX = 10_000

/** For the whole of a login on a client's connection, before its first request: as long as Java gives a connection to come about. */
export const OWN_LOGIN_TIMEOUT_MS = 10_000

/** A server's SASL message: nonce, salt and signature are some hundred bytes. */
export const SASL_TOKEN_BYTES_MAX = 8_192

/** What a broker may ask for to stretch a password: Kafka sets at most 16,384; a stranger must not burn our CPU. */
export const SCRAM_ITERATIONS_MAX = 65_536

/** To ask a token endpoint: a login waits for it, and the client behind that. */
export const TOKEN_TIMEOUT_MS = 5_000

/** What a broker says of a login that it refuses goes into the log and to clients; of a stranger's words this much. */
export const BROKER_WORDS_CHARS_MAX = 300

/** Largest answer of a token endpoint; tokens with many claims are some kB. */
export const TOKEN_ANSWER_BYTES_MAX = 131_072

/** A token that a broker refuses is asked for anew, if it is older: not with each connection that fails. */
export const TOKEN_REFUSED_AGE_MS = 10_000

/** The longest that a token is kept, whatever its endpoint says. */
export const TOKEN_LIFETIME_MAX_MS = 86_400_000

/** How long a token is taken to live that does not say so. */
export const TOKEN_LIFETIME_DEFAULT_MS = 300_000

/** How often the cluster is asked for its brokers, and how often while nobody answers. */
export const DISCOVERY_INTERVAL_MS = 15_000
export const DISCOVERY_RETRY_MS = 1_000

// Clients that are watched

/** Clients that have gone and whose totals are still shown: a few hundred bytes each. */
export const GONE_CLIENTS_MAX = 1_000

/** Clients whose rates are watched: about 15 kB each (measured), so 30 MB at worst, and 4 ms a second. */
export const CLIENTS_WATCHED_MAX = 2_000

/** How often clients are looked at: rates are over one second and ten. */
export const OBSERVE_INTERVAL_MS = 1_000

/** A client without a request for so long is forgotten by the observer; batch jobs run hourly. */
export const CLIENT_IDLE_MAX_MS = 3_600_000

/** Where room is short, a client that did something this recently is kept and the newcomer is not watched. */
export const WATCHED_AT_WORK_MS = 60_000

/** The history of a client: a quarter of an hour in steps of five seconds, four numbers each: 2.9 kB. */
export const HISTORY_STEP_MS = 5_000
export const HISTORY_POINTS = 180

/** Buckets of one client that are watched, about 500 bytes each: one for each quota, dimension and topic that it meets. */
export const DRAWS_WATCHED_MAX = 32

/** Quotas whose rates are watched, one for each dimension that was ever used: about 2 kB each. */
export const SERIES_WATCHED_MAX = 1_000

/** Clients on one page of the status page: what a browser lays out at once every two seconds without dropping a frame. */
export const PAGE_CLIENTS = 50

/** Addresses and versions of one client that are told. */
export const CLIENT_FACTS_MAX = 5

/** A client that is made to wait less than this in a second is not called limited: every second frame touches the burst. */
export const LIMITED_MS_PER_SECOND = 10

/** Least observation that is worth advice: six windows of ten seconds. */
export const ADVICE_OBSERVED_MIN_MS = 60_000

/** A command's question to a running sluice: it answers at once or not at all; 2,000 clients are about 3 MB. */
export const ADMIN_ANSWER_TIMEOUT_MS = 10_000
export const ADMIN_ANSWER_BYTES_MAX = 67_108_864

// Series of metrics

/** Clients, groups and partitions of groups with series of their own, if the configuration does not say: about 40, 45 and 2 lines each. */
export const METRICS_CLIENTS_MAX = 200
export const METRICS_GROUPS_MAX = 100
export const METRICS_PARTITIONS_MAX = 2_000

/** And at most: a scrape of so many takes seconds and tens of megabytes; who wants more wants another tool. */
export const METRICS_CLIENTS_LIMIT = 5_000
export const METRICS_GROUPS_LIMIT = 2_000
export const METRICS_PARTITIONS_LIMIT = 100_000

/** How long the series of what is gone are kept: long enough for several scrapes, and for a restart of the application. */
export const METRICS_IDLE_MS = 900_000
export const METRICS_IDLE_MIN_MS = 60_000
export const METRICS_IDLE_MAX_MS = 86_400_000

/** How often it is looked who is busiest. */
export const METRICS_REVIEW_MS = 10_000

/** A request counts like so many bytes when clients are compared: what it costs in CPU beside moving them. */
export const REQUEST_BUSYNESS_BYTES = 4_096

/** What is left of a client's busyness at each review: half after a minute, so that one that works by fits and starts keeps its series. */
export const BUSYNESS_KEPT = 0.9

/** Libraries and users of one client id that are told. */
export const CLIENT_VARIANTS_MAX = 4

/** Places looked at for a series that nobody needs, when a new name finds all taken. */
export const SWEEP_SERIES = 8

/** Partitions of idempotent producers whose last sequence is known, 30 bytes each, so that a batch that comes again is seen. A power of two. */
export const SEQUENCES_MAX = 16_384

/** A connection that has spoken of more partitions than are kept for one begins anew, at most this often: those of today are likely fewer. */
export const PARTITION_ENTRIES_RENEW_MS = 60_000

/** Members of one group that are told apart behind one sluice. */
export const GROUP_MEMBERS_MAX = 1_000

/** Signs of a rebalance that are older than this have come to nothing: longer than any library gives its members to join again (300 s). */
export const REBALANCE_SIGN_MAX_MS = 600_000

/** Partitions of the cluster whose state is known, 9 bytes each. */
export const CLUSTER_PARTITIONS_MAX = 100_000

// Injector

/** Names in one annotation of a pod. */
export const INJECT_LISTED_MAX = 32

/** Configuration of a sidecar in annotations: once as written, once as put together, and Kubernetes allows 256 KiB of all of them. */
export const INJECT_CONFIG_BYTES_MAX = 100_000

/** Faults of one configuration in the refusal of a pod: it ends up in an event, which has 1 KiB, or on a terminal. */
export const INJECT_FAULTS_MAX = 10

/** Largest body of a review: an API server takes requests of 3 MiB. */
export const REVIEW_BYTES_MAX = 4_194_304

/** For the body of a review to come: API servers wait 30 s at most for the answer. */
export const REVIEW_TIMEOUT_MS = 10_000

/** Connections of API servers at a time. */
export const REVIEW_CONNECTIONS_MAX = 1_000

/** To ask the Kubernetes API, and its largest answer (a webhook configuration, a Secret: 1 MiB). */
export const KUBERNETES_TIMEOUT_MS = 10_000
export const KUBERNETES_ANSWER_BYTES_MAX = 4_194_304

/** Certificates begin this much earlier than now: clocks of other nodes may be behind. */
export const CLOCK_SKEW_MS = 300_000

/** How often certificates are looked at, and how soon again after that failed. */
export const CERTIFICATE_CHECK_MS = 60_000
export const CERTIFICATE_RETRY_MS = 2_000

/** A new authority is known to all API servers and replicas for so long before anything is signed by it. */
export const AUTHORITY_SPREAD_MS = 600_000

/** Authorities that are trusted at a time: the one in use, the next, and one that is on its way out. */
export const AUTHORITIES_MAX = 3

// OpenTelemetry

/** How often metrics are pushed, and how long a push may take: between what a collector bears and what is still a picture of now. */
export const OTLP_INTERVAL_MIN_MS = 1_000
export const OTLP_INTERVAL_MAX_MS = 3_600_000

/** The last push at the end, however long the drain has left: a collector that is gone must not keep a pod from ending. */
export const OTLP_LAST_PUSH_MS = 2_000

/** Series in one request of a push: a collector takes 20 MiB if not told otherwise, and a series is about 200 bytes. */
export const OTLP_BATCH_SERIES_MAX = 20_000
