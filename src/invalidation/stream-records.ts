/** What a stream record says about an item, for all four view types. Pure. */

import { canonicalKey, canonicalPartition } from "../dynamodb/canonical-key.ts";
import { type Input, isObject, type TableSchema } from "../dynamodb/model.ts";
import type { RecordChange } from "./change-source.ts";
import type { Image } from "./tags.ts";

/** The images around a change, where the event's name alone tells one of them. */
type Ends = (oldImage: Image, newImage: Image) => { readonly before: Image; readonly after: Image };

/** API_streams_Record, eventName. */
const ends: ReadonlyMap<unknown, Ends> = new Map<string, Ends>([
  ["INSERT", (_, after) => ({ before: "absent", after })],
  ["MODIFY", (before, after) => ({ before, after })],
  ["REMOVE", (before) => ({ before, after: "absent" })],
]);

/**
 * The change in a record of GetRecords, its images as far as the stream's view type gives them
 * (API_StreamSpecification): KEYS_ONLY none, NEW_IMAGE what is there now, OLD_IMAGE what was there before.
 *
 * @returns undefined for a record that cannot be understood: anything of the table may have changed.
 */
export function recordChange(record: unknown, schema: TableSchema): RecordChange | undefined {
  if (!isObject(record) || !isObject(record.dynamodb)) return undefined;
  const { Keys, OldImage, NewImage } = record.dynamodb;
  const around = ends.get(record.eventName);
  const key = canonicalKey(Keys, schema);
  if (around === undefined || key === undefined || !isObject(Keys)) return undefined;
  const partition = canonicalPartition(Keys, [schema.partitionKey]);
  if (partition === undefined) return undefined;
  const { before, after } = around(imageOf(OldImage), imageOf(NewImage));
  return {
    change: { schema, key, partition, before, after },
    image: after === "unknown" ? undefined : after,
    createdAtMs: recordTimeMs(record.dynamodb),
  };
}

/** The record's place in its shard; undefined if it has none. */
export function sequenceNumberOf(record: unknown): string | undefined {
  if (!isObject(record) || !isObject(record.dynamodb)) return undefined;
  const { SequenceNumber } = record.dynamodb;
  return typeof SequenceNumber === "string" && SequenceNumber !== "" ? SequenceNumber : undefined;
}

function imageOf(member: unknown): Image {
  return isObject(member) ? member : "unknown";
}

/** ApproximateCreationDateTime, given in seconds, as the start of that second in UNIX milliseconds. */
function recordTimeMs({ ApproximateCreationDateTime: seconds }: Input): number | undefined {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return undefined;
  return Math.floor(seconds) * 1_000;
}
