/**
 * Finds out what has become of writes that had no answer: a key in doubt is locked, and when nothing is under way and
 * nothing can land any more, DynamoDB itself is asked. Without it, a run with many deaths would soon judge nothing.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { type AuditKey, Key, textOf } from "./audit-keys.ts";
import type { Auditor } from "./auditor.ts";
import { mustCall } from "./raw-client.ts";

export interface DoubtOptions {
  readonly auditor: Auditor;
  readonly keys: readonly AuditKey[];
  readonly TableName: string;
  /** DynamoDB Local itself. */
  readonly directUrl: string;
}

/** A request that a dead process has sent is carried out at once, or after what stands before it in the queue. */
const landsWithinMs = 3_000;
const lookEveryMs = 100;

/** Goes on for as long as it is told to, and then until there is no doubt left. */
export async function resolveDoubts(options: DoubtOptions, goesOn: () => boolean): Promise<void> {
  const underWay = new Map<AuditKey, Promise<void>>();
  while (goesOn() || underWay.size > 0 || options.keys.some(({ history }) => history.isDoubtful)) {
    for (const key of options.keys) {
      if (!key.history.isDoubtful || underWay.has(key)) continue;
      underWay.set(
        key,
        resolve(key, options).finally(() => underWay.delete(key)),
      );
    }
    await Promise.race([sleep(lookEveryMs), ...underWay.values()]);
  }
}

async function resolve(key: AuditKey, { auditor, TableName, directUrl }: DoubtOptions): Promise<void> {
  // Whoever is writing it now may leave it unlocked again, or in doubt once more.
  let quietSinceMs = performance.now();
  while (performance.now() - quietSinceMs < landsWithinMs) {
    key.nextWriteAtMs = Number.POSITIVE_INFINITY;
    if (key.history.writesOpen > 0) quietSinceMs = performance.now();
    await sleep(lookEveryMs);
  }
  const { Item } = await mustCall(directUrl, "GetItem", { TableName, Key: Key(key), ConsistentRead: true });
  const { v, kind } = Object(Item);
  const version = Item === undefined ? undefined : Number(v?.N);
  auditor.resolved(key.name, { version, text: textOf(Item), kind: kind?.S });
  key.isBeingCreated = false;
  key.nextWriteAtMs = performance.now();
}
