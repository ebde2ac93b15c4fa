// Readers for the auditor: eventually consistent reads through the proxy, with some strong ones; and the last look,
// when all is quiet.

import { type AuditKey, allKinds, Key, nameOf, pick, textOf } from "./audit-keys.ts";
import type { Targets } from "./audit-target.ts";
import type { Auditor, Read } from "./auditor.ts";
import { call, mustCall } from "./raw-client.ts";

export interface ReaderOptions {
  readonly auditor: Auditor;
  readonly keys: readonly AuditKey[];
  readonly TableName: string;
  readonly targets: Targets;
}

const strongShare = 0.05;
const batchKeys = 6;

export class AuditReader {
  readonly #options: ReaderOptions;
  readonly #partitions: ReadonlyMap<string, readonly AuditKey[]>;
  /** Replies other than 200. */
  failures = 0;
  reads = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#partitions = Map.groupBy(options.keys, ({ pk }) => pk);
  }

  /** One read of any kind. */
  async read(): Promise<void> {
    const dice = Math.random();
    if (dice < 0.4) return this.get(pick(this.#options.keys));
    if (dice < 0.55) return this.batch(Array.from({ length: batchKeys }, () => pick(this.#options.keys)));
    if (dice < 0.8) return this.partition(pick([...this.#partitions.keys()]));
    return this.index(pick(allKinds));
  }

  /** Everything once, each by every way it can be read. */
  async readAll(): Promise<void> {
    const { keys } = this.#options;
    for (const key of keys) await this.get(key, false);
    for (let at = 0; at < keys.length; at += batchKeys) await this.batch(keys.slice(at, at + batchKeys));
    for (const pk of this.#partitions.keys()) await this.partition(pk, false);
    for (const kind of allKinds) await this.index(kind);
  }

  async get(key: AuditKey, isStrong = Math.random() < strongShare): Promise<void> {
    const input = { Key: Key(key), ...(isStrong && { ConsistentRead: true }) };
    await this.#ask("GetItem", input, { isStrong, isItem: true, isIndex: false }, ({ Item }, read) =>
      this.#options.auditor.check(key.name, read, { text: textOf(Item) }),
    );
  }

  async batch(keys: readonly AuditKey[]): Promise<void> {
    const { TableName, auditor } = this.#options;
    const distinct = [...new Set(keys)];
    const input = { RequestItems: { [TableName]: { Keys: distinct.map(Key) } } };
    await this.#ask(
      "BatchGetItem",
      input,
      { isStrong: false, isItem: true, isIndex: false },
      (body, read) => {
        const unprocessed: unknown[] = Object(Object(body.UnprocessedKeys)[TableName]).Keys ?? [];
        const left = new Set(unprocessed.map(nameOf));
        const found = byName(Object(body.Responses)[TableName]);
        for (const { name } of distinct)
          if (!left.has(name)) auditor.check(name, read, { text: textOf(found.get(name)) });
      },
    );
  }

  /** A query of the table. */
  async partition(pk: string, isStrong = Math.random() < strongShare): Promise<void> {
    const input = {
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: pk } },
      ...(isStrong && { ConsistentRead: true }),
    };
    await this.#ask("Query", input, { isStrong, isItem: false, isIndex: false }, (body, read) => {
      const found = byName(body.Items);
      for (const { name } of this.#partitions.get(pk) ?? [])
        this.#options.auditor.check(name, read, { text: textOf(found.get(name)) });
    });
  }

  /**
   * A query of the index. Held to the same promises as one of the table, although the contract allows an index to lag:
   * DynamoDB Local's does not.
   */
  async index(kind: string): Promise<void> {
    const input = {
      IndexName: "byKind",
      KeyConditionExpression: "kind = :kind",
      ExpressionAttributeValues: { ":kind": { S: kind } },
    };
    await this.#ask("Query", input, { isStrong: false, isItem: false, isIndex: true }, (body, read) => {
      const found = byName(body.Items);
      const ofIndex = { ...read, what: `Query of ${kind}` };
      for (const { name } of this.#options.keys) {
        const item = found.get(name);
        this.#options.auditor.check(name, ofIndex, item ? { text: textOf(item) } : { notOfKind: kind });
      }
    });
  }

  async #ask(
    operation: string,
    input: Record<string, unknown>,
    kind: Pick<Read, "isStrong" | "isItem" | "isIndex">,
    look: (body: Record<string, unknown>, read: Read) => void,
  ): Promise<void> {
    const { targets, TableName } = this.#options;
    const target = await targets.next();
    const startedAtMs = performance.now();
    const named = operation === "BatchGetItem" ? input : { TableName, ...input };
    this.reads += 1;
    const reply = await call(target.url, operation, named).catch(() => undefined);
    const cache = String(reply?.headers["x-dynatier-cache"]);
    if (reply?.status === 200)
      return look(reply.body, { what: operation, startedAtMs, node: target.node, cache, ...kind });
    this.failures += 1;
    targets.failed?.({ target, operation, startedAtMs, reply: reply?.bytes.toString() });
  }
}

/**
 * When nothing has been written for longer than the bound: what the proxy answers, by every way of reading, against
 * strongly consistent reads of DynamoDB itself. Gives the differences; none = all is well.
 */
export async function differences(options: ReaderOptions, directUrl: string): Promise<string[]> {
  const { keys, TableName, targets } = options;
  const { url } = await targets.next();
  const items = async (where: string, operation: string, input: object): Promise<unknown[]> => {
    const body = await mustCall(where, operation, { TableName, ...input });
    return Array.isArray(body.Items) ? body.Items : [];
  };
  const truth = byName(await items(directUrl, "Scan", { ConsistentRead: true }));
  const wrong: string[] = [];
  const compare = (what: string, name: string, item: unknown, wanted: unknown): void => {
    if (canonical(item) !== canonical(wanted))
      wrong.push(`${what} ${name}: ${canonical(item)}, not ${canonical(wanted)}`);
  };
  for (const key of keys) {
    const { Item } = await mustCall(url, "GetItem", { TableName, Key: Key(key) });
    compare("GetItem", key.name, Item, truth.get(key.name));
    // Also the auditor's own picture must be right.
    const { text } = key.history.latest;
    if (text !== textOf(truth.get(key.name)) && !key.history.isDoubtful)
      wrong.push(`${key.name} was last written as ${text}, but is ${canonical(truth.get(key.name))}`);
  }
  const { Responses } = await mustCall(url, "BatchGetItem", {
    RequestItems: { [TableName]: { Keys: keys.map(Key) } },
  });
  const batch = byName(Object(Responses)[TableName]);
  const scan = byName(await items(url, "Scan", {}));
  for (const { name } of keys) {
    compare("BatchGetItem", name, batch.get(name), truth.get(name));
    compare("Scan", name, scan.get(name), truth.get(name));
  }
  for (const pk of new Set(keys.map((key) => key.pk))) {
    const values = { KeyConditionExpression: "pk = :pk", ExpressionAttributeValues: { ":pk": { S: pk } } };
    const found = byName(await items(url, "Query", values));
    for (const { name } of keys.filter((key) => key.pk === pk))
      compare("Query", name, found.get(name), truth.get(name));
  }
  for (const kind of allKinds) {
    const found = byName(
      await items(url, "Query", {
        IndexName: "byKind",
        KeyConditionExpression: "kind = :kind",
        ExpressionAttributeValues: { ":kind": { S: kind } },
      }),
    );
    for (const { name } of keys) {
      const item = truth.get(name);
      compare(`index ${kind}`, name, found.get(name), Object(item).kind?.S === kind ? item : undefined);
    }
  }
  return wrong;
}

function byName(items: unknown): ReadonlyMap<string, unknown> {
  return new Map(Array.isArray(items) ? items.map((item) => [nameOf(item), item]) : []);
}

function canonical(item: unknown): string {
  return item === undefined ? "absent" : JSON.stringify(Object.entries(Object(item)).sort());
}
