/** What a stream record says about an item, for all four view types. Pure. */

import { canonicalKey, canonicalPartition } from "../dynamodb/canonical-key.ts";
import { isObject, type TableSchema } from "../dynamodb/model.ts";
import type { RecordChange } from "./change-source.ts";
import type { RecordImage, StreamRecord } from "./placed-records.ts";
import type { Image, ItemChange } from "./tags.ts";

/** An image as far as the record tells it; "absent" where the event's name alone does. */
type Told = RecordImage | "absent" | undefined;

/** API_streams_Record, eventName: what there is before and after. */
const events: ReadonlyMap<unknown, { readonly hasOld: boolean; readonly hasNew: boolean }> = new Map([
  ["INSERT", { hasOld: false, hasNew: true }],
  ["MODIFY", { hasOld: true, hasNew: true }],
  ["REMOVE", { hasOld: true, hasNew: false }],
]);

/**
 * The change in a record of GetRecords, its images as far as the stream's view type gives them
 * (API_StreamSpecification): KEYS_ONLY none, NEW_IMAGE what is there now, OLD_IMAGE what was there before.
 *
 * @returns undefined for a record that cannot be understood: anything of the table may have changed.
 */
export function recordChange(record: StreamRecord, schema: TableSchema): RecordChange | undefined {
  const { keys } = record;
  const event = events.get(record.eventName);
  const key = canonicalKey(keys, schema);
  if (event === undefined || key === undefined || !isObject(keys)) return undefined;
  const partition = canonicalPartition(keys, [schema.partitionKey]);
  if (partition === undefined) return undefined;
  const image = event.hasNew ? record.newImage : "absent";
  const oldImage = event.hasOld ? record.oldImage : "absent";
  return {
    change: new ToldChange(schema, key, partition, oldImage, image),
    image,
    createdAtMs: recordTimeMs(record.createdAtSeconds),
  };
}

/** The record's place in its shard; undefined if it has none. */
export function sequenceNumberOf({ sequenceNumber }: StreamRecord): string | undefined {
  return typeof sequenceNumber === "string" && sequenceNumber !== "" ? sequenceNumber : undefined;
}

/** A change whose images are parsed when an index asks for them. */
class ToldChange implements ItemChange {
  readonly schema: TableSchema;
  readonly key: string;
  readonly partition: string;
  readonly #old: Told;
  readonly #new: Told;

  constructor(schema: TableSchema, key: string, partition: string, oldImage: Told, newImage: Told) {
    this.schema = schema;
    this.key = key;
    this.partition = partition;
    this.#old = oldImage;
    this.#new = newImage;
  }

  get before(): Image {
    return imageOf(this.#old);
  }

  get after(): Image {
    return imageOf(this.#new);
  }
}

function imageOf(told: Told): Image {
  return told === "absent" ? told : (told?.item() ?? "unknown");
}

/** ApproximateCreationDateTime, given in seconds, as the start of that second in UNIX milliseconds. */
function recordTimeMs(seconds: unknown): number | undefined {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return undefined;
  return Math.floor(seconds) * 1_000;
}
