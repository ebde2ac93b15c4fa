/**
 * Writers for the auditor: each write makes a version of its item such that the order of versions is the order of
 * commits, whoever writes and by whichever way.
 * - An update adds one to the version of an item that must exist, and the reply tells what it has become.
 * - A put or delete in a transaction, and a put over an item, go only if the version is the one that was known.
 * - A delete of an item that must exist tells the version after which it is absent.
 * - A creation, which goes only if there is no item, begins a generation of versions above all former ones. There is
 *   one at a time for each item: two could not be told apart (1 A and B take numbers · 2 B creates · 3 somebody
 *   deletes · 4 A creates with the lower number).
 * - Solo items are written by one call at a time: BatchWriteItem has no conditions.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Via } from "./audit-history.ts";
import { type AuditKey, itemOf, Key, kindsOf, pick, textOf } from "./audit-keys.ts";
import type { Target, Targets } from "./audit-target.ts";
import type { Auditor, OpenWrite } from "./auditor.ts";
import { call, errorName } from "./raw-client.ts";

export interface WriterOptions {
  readonly auditor: Auditor;
  readonly keys: readonly AuditKey[];
  readonly TableName: string;
  readonly via: Via;
  readonly targets: Targets;
  /** Who writes, for the traces. */
  readonly by: string;
}

const versionsOfGeneration = 1_000_000;
/** Between two writes of a cold item, on average. */
const coldPauseMs = 5_000;
/** When all keys are in doubt or under way. */
const allLockedPauseMs = 20;
/** What DynamoDB answers when it has not done it. */
const refusals = new Set([
  "ConditionalCheckFailedException",
  "TransactionCanceledException",
  "TransactionConflictException",
  // The answer of `writeGuard: require` where others cannot be warned of the write.
  "ThrottlingException",
]);

interface Done {
  readonly version: number;
  readonly item: unknown;
}

export class AuditWriter {
  readonly #options: WriterOptions;
  #serial = 0;
  #target: Target = { url: "", node: "" };

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** One write, or several in a batch or transaction. To be awaited before the next one. */
  async write(): Promise<void> {
    this.#target = await this.#options.targets.next();
    const key = this.#choose();
    if (key === undefined) return sleep(allLockedPauseMs);
    if (key.isSolo) return this.#batch(key);
    const dice = Math.random();
    if (key.history.latest.text === undefined) return this.#create(key);
    if (dice < 0.6) return this.#update(key, dice < 0.3);
    if (dice < 0.75) return this.#replace(key);
    if (dice < 0.85) return this.#delete(key);
    return this.#transact(key);
  }

  /** Cold items when they are due, else hot ones. */
  #choose(): AuditKey | undefined {
    const nowMs = performance.now();
    const due = this.#options.keys.filter((key) => key.isCold && key.nextWriteAtMs <= nowMs);
    const hot = this.#options.keys.filter((key) => !key.isCold && key.nextWriteAtMs <= nowMs);
    const from = due.length > 0 && (hot.length === 0 || Math.random() < 0.5) ? due : hot;
    if (from.length === 0) return undefined;
    const key = pick(from);
    if (key.isCold) key.nextWriteAtMs = nowMs + coldPauseMs * (0.5 + Math.random());
    return key;
  }

  #by(): string {
    this.#serial += 1;
    return `${this.#options.by}.${this.#serial}`;
  }

  async #update(key: AuditKey, moves: boolean): Promise<void> {
    const by = this.#by();
    const moved = moves ? pick(kindsOf(key)) : undefined;
    await this.#one(
      key,
      "UpdateItem",
      {
        Key: Key(key),
        UpdateExpression: `SET #by = :by${moved === undefined ? "" : ", kind = :kind"} ADD v :one`,
        ConditionExpression: "attribute_exists(pk)",
        ExpressionAttributeNames: { "#by": "by" },
        ExpressionAttributeValues: {
          ":by": { S: by },
          ":one": { N: "1" },
          ...(moved !== undefined && { ":kind": { S: moved } }),
        },
        // A move tells all that it has changed; the kind of an item that stays is only in the whole.
        ReturnValues: moved === undefined ? "ALL_NEW" : "UPDATED_NEW",
      },
      ({ Attributes: item }) => ({ version: Number(Object(item).v?.N), item }),
    );
  }

  async #replace(key: AuditKey): Promise<void> {
    const before = key.history.latest;
    const version = before.order + 1;
    const Item = itemOf(key, version, pick(kindsOf(key)), this.#by());
    await this.#one(
      key,
      "PutItem",
      { Item, ...ifStill(before.order), ReturnValues: pick(["NONE", "ALL_OLD"]) },
      () => ({ version, item: Item }),
    );
  }

  async #delete(key: AuditKey): Promise<void> {
    await this.#one(
      key,
      "DeleteItem",
      { Key: Key(key), ConditionExpression: "attribute_exists(pk)", ReturnValues: "ALL_OLD" },
      ({ Attributes: old }) => ({ version: Number(Object(old).v?.N) + 0.5, item: undefined }),
    );
  }

  async #create(key: AuditKey): Promise<void> {
    if (key.isBeingCreated) return;
    key.isBeingCreated = true;
    key.generation += 1;
    const version = key.generation * versionsOfGeneration;
    const Item = itemOf(key, version, pick(kindsOf(key)), this.#by());
    const isKnown = await this.#one(
      key,
      "PutItem",
      { Item, ConditionExpression: "attribute_not_exists(pk)" },
      () => ({ version, item: Item }),
    );
    // After an unknown outcome it stays locked: it may yet land.
    key.isBeingCreated = !isKnown;
  }

  /** False if the outcome is unknown. */
  async #one(
    key: AuditKey,
    operation: string,
    input: Record<string, unknown>,
    done: (body: Record<string, unknown>) => Done,
  ): Promise<boolean> {
    const { auditor, via, TableName } = this.#options;
    const open = auditor.write(key.name, via, operation, this.#target.node);
    const body = await this.#send(operation, { TableName, ...input }, [open]);
    if (typeof body === "string") return body === "refused";
    const { version, item } = done(body);
    open.committed({ order: version, text: textOf(item), kind: kindOf(item) });
    return true;
  }

  /** Puts and deletes of two items, each only if its version is still the one that is known. */
  async #transact(key: AuditKey): Promise<void> {
    const { keys, TableName, auditor, via } = this.#options;
    const isFree = (one: AuditKey) => !one.isSolo && one.nextWriteAtMs !== Number.POSITIVE_INFINITY;
    const other = pick(keys.filter((one) => one === key || (isFree(one) && one.isCold === key.isCold)));
    const both = [...new Set([key, other])].filter(({ history }) => history.latest.text !== undefined);
    const parts = both.map((one) => {
      const { order } = one.history.latest;
      const isDelete = Math.random() < 0.1;
      const Item = itemOf(one, order + 1, pick(kindsOf(one)), this.#by());
      const open = auditor.write(one.name, via, "TransactWriteItems", this.#target.node);
      const request = isDelete
        ? { Delete: { TableName, Key: Key(one), ...ifStill(order) } }
        : { Put: { TableName, Item, ...ifStill(order) } };
      const commit = isDelete
        ? { order: order + 0.5, text: undefined, kind: undefined }
        : { order: order + 1, text: textOf(Item), kind: kindOf(Item) };
      return { open, request, commit };
    });
    if (parts.length === 0) return;
    const opens = parts.map(({ open }) => open);
    const TransactItems = parts.map(({ request }) => request);
    const body = await this.#send("TransactWriteItems", { TransactItems }, opens);
    if (typeof body !== "string") for (const { open, commit } of parts) open.committed(commit);
  }

  /** BatchWriteItem of up to three solo items. */
  async #batch(first: AuditKey): Promise<void> {
    const { keys, TableName, auditor, via } = this.#options;
    const nowMs = performance.now();
    const others = keys.filter((one) => one.isSolo && one !== first && one.isCold === first.isCold);
    const free = others.filter((one) => one.nextWriteAtMs <= nowMs || one.isCold).slice(0, 2);
    const chosen = [first, ...free].filter((one) => one.nextWriteAtMs !== Number.POSITIVE_INFINITY);
    for (const one of chosen) one.nextWriteAtMs = Number.POSITIVE_INFINITY;
    const parts = chosen.map((one) => {
      const { order, text } = one.history.latest;
      const isDelete = text !== undefined && Math.random() < 0.2;
      const version = Math.floor(order) + 1;
      const Item = itemOf(one, version, pick(kindsOf(one)), this.#by());
      const open = auditor.write(one.name, via, "BatchWriteItem", this.#target.node);
      return {
        open,
        request: isDelete ? { DeleteRequest: { Key: Key(one) } } : { PutRequest: { Item } },
        commit: isDelete
          ? { order: version - 0.5, text: undefined, kind: undefined }
          : { order: version, text: textOf(Item), kind: kindOf(Item) },
      };
    });
    const opens = parts.map(({ open }) => open);
    const RequestItems = { [TableName]: parts.map(({ request }) => request) };
    const body = await this.#send("BatchWriteItem", { RequestItems }, opens);
    // Parts that were left undone cannot be told apart by their number alone; DynamoDB Local leaves none.
    const isWhole = typeof body !== "string" && Object.keys(Object(body.UnprocessedItems)).length === 0;
    if (isWhole) for (const { open, commit } of parts) open.committed(commit);
    else if (typeof body !== "string") for (const { open } of parts) open.unknown();
    if (body === "unknown") return;
    const pauseMs = first.isCold ? coldPauseMs * (0.5 + Math.random()) : 0;
    for (const one of chosen) one.nextWriteAtMs = performance.now() + pauseMs;
  }

  /** The reply's body; a reply that says it was not done, or none, is told to the auditor. */
  async #send(
    operation: string,
    input: Record<string, unknown>,
    opens: readonly OpenWrite[],
  ): Promise<Record<string, unknown> | "refused" | "unknown"> {
    const { targets } = this.#options;
    const target = this.#target;
    const startedAtMs = performance.now();
    const reply = await call(target.url, operation, input).catch(() => undefined);
    if (reply?.status === 200) return reply.body;
    const name = (reply && errorName(reply)) ?? "";
    const isRefused = reply?.status === 400 && refusals.has(name);
    for (const open of opens) {
      if (isRefused) open.refused();
      else open.unknown();
    }
    if (!isRefused || name === "ThrottlingException")
      targets.failed?.({ target, operation, startedAtMs, reply: reply?.bytes.toString() });
    return isRefused ? "refused" : "unknown";
  }
}

function ifStill(version: number): Record<string, unknown> {
  return {
    ConditionExpression: "v = :known",
    ExpressionAttributeValues: { ":known": { N: String(version) } },
  };
}

function kindOf(item: unknown): string | undefined {
  return Object(item).kind?.S;
}
