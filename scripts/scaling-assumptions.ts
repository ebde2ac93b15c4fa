/** What the arithmetic of docs/SCALING.md rests on: each figure with its unit and where it comes from. */

export interface Assumption {
  readonly value: number;
  readonly unit: string;
  readonly source: string;
}

const measured = "`node scripts/scaling-measure.ts`, seen on a 2-core machine";
const benched = "`npm run bench`, seen on a 2-core machine";

/** CPU times are those of one core of 2020s server hardware; yours differ by a factor, which cancels out of most ratios. */
export const ASSUMPTIONS = {
  roundTripMicros: {
    value: 3,
    unit: "µs of Redis' CPU for a round trip, whatever is in it",
    source: `PING 2.8–3.0: ${measured}`,
  },
  getMicros: { value: 0.9, unit: "µs for GET in a pipeline", source: `GET alone 3.8–4.2: ${measured}` },
  tagMicros: {
    value: 0.9,
    unit: "µs for HGETALL of a tag in a pipeline",
    source: `GET + 3 HGETALL 5.8–6.7: ${measured}`,
  },
  setMicros: { value: 1.6, unit: "µs for SET of an entry", source: `alone 4.3–4.9: ${measured}` },
  ensureMicros: { value: 3.2, unit: "µs to create a tag (script)", source: `alone 6.1–6.3: ${measured}` },
  changeMicros: {
    value: 6.6,
    unit: "µs to change or mark a tag (script)",
    source: `4 in one round trip 28.7–34.4: ${measured}`,
  },
  appendMicros: { value: 1, unit: "µs for XADD", source: `alone 3.8–4.2: ${measured}` },
  readLogMicros: { value: 1.2, unit: "µs for XREAD", source: `of 1 message 4.2–5.2: ${measured}` },
  deliverMicros: {
    value: 0.16,
    unit: "µs for each message that XREAD delivers",
    source: `100 messages 20.1–20.5: ${measured}`,
  },
  messageBytes: {
    value: 150,
    unit: "bytes of a message on the wire",
    source: "4 tags, with image 102 (without: 38); about 48 more for its number and framing in RESP",
  },
  logTurnMicros: {
    value: 500,
    unit: "µs between two XREADs of a busy node",
    source: "assumed: a round trip in one zone, and a turn of the event loop",
  },
  hitMicros: { value: 18, unit: "µs of a node's CPU for a hit in memory", source: `17.4: ${benched}` },
  missMicros: { value: 85, unit: "µs for a read or write that goes upstream", source: `84.8: ${benched}` },
  lookMicros: {
    value: 30,
    unit: "µs of a node's CPU for a look-up in Redis",
    source: `25.4–36.3: ${measured}`,
  },
  sendMicros: {
    value: 8,
    unit: "µs of a node's CPU for any other command",
    source: `SET, XADD, scripts 6.3–11.8 each: ${measured}`,
  },
  applyMicros: {
    value: 3,
    unit: "µs of a node's CPU for a message, read and applied",
    source: `0.8–1.5 to read, 1.7 to apply: ${measured}`,
  },
  entryBytes: {
    value: 552,
    unit: "bytes of Redis' memory for a GetItem's answer of 300 bytes",
    source: `MEMORY USAGE: ${measured}`,
  },
  tagBytes: { value: 136, unit: "bytes of Redis' memory for a tag", source: `MEMORY USAGE: ${measured}` },
  logMessageBytes: {
    value: 122,
    unit: "bytes of Redis' memory for a message",
    source: `MEMORY USAGE: ${measured}`,
  },
  beatsPerSecond: {
    value: 3.3,
    unit: "heartbeats a second",
    source: "one each 300 ms by one node, or by each leader",
  },
  recordsOfShard: {
    value: 1000,
    unit: "writes a second that one shard of a stream takes",
    source: "AWS: 1,000 write units a second for each partition; a shard follows a partition",
  },
  pollsOfShard: { value: 4, unit: "GetRecords a second for a busy shard", source: "`streamPollMs` 250" },
  busyMax: {
    value: 0.7,
    unit: "of a core or a link before queues grow",
    source: "assumed: the mean wait there is a few services",
  },
  linkBytesPerSecond: { value: 1.25e9, unit: "bytes a second out of one master", source: "10 Gbit/s" },
} as const satisfies Readonly<Record<string, Assumption>>;

/** The value of an assumption. */
export const assumed = (name: keyof typeof ASSUMPTIONS): number => ASSUMPTIONS[name].value;
