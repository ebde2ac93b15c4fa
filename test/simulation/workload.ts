/** What the clients ask for: reads here, writes in workload-writes.ts. */

import type { Input, Item } from "../../src/dynamodb/model.ts";
import { type CacheControl, noWishes } from "../../src/proxy/call.ts";
import type { Circumstances } from "./circumstances.ts";
import { globalIndex, type KeyShape, localIndex, type ModelTable } from "./model-table.ts";
import type { Effect } from "./model-writes.ts";
import type { Random } from "./random.ts";

export interface Ask {
  readonly operation: string;
  readonly input: Input;
  readonly control: CacheControl;
  /** What a write does; undefined for reads. */
  readonly effects: readonly Effect[] | undefined;
}

export const shapes: readonly KeyShape[] = [
  { partition: "pk", sort: "sk" },
  { partition: "pk", sort: "sk" },
  // The same attributes the other way round: the same Key names another partition.
  { partition: "sk", sort: "pk" },
  { partition: "pk", sort: undefined },
];
/** What the GSI may be keyed by. The workload's items have the first two only now and then. */
export const globalKeys = ["g", "h", "sk", "g", undefined] as const;

const allKeys: readonly Item[] = ["a1", "a2", "b1", "b2", "a3", "b3"].map(([pk = "", sk = ""]) => ({
  pk: { S: pk },
  sk: { S: sk },
}));
export const groups = ["x", "y"] as const;

const readMix = {
  item: 40,
  query: 12,
  index: 12,
  local: 3,
  scan: 3,
  batch: 8,
  strong: 5,
  strongBatch: 1,
  transact: 2,
} as const;

export class ReadWorkload {
  readonly #random: Random;
  readonly #tables: ReadonlyMap<string, ModelTable>;
  readonly #scansIndex: boolean;
  readonly keys: readonly Item[];

  constructor(random: Random, circumstances: Circumstances, tables: ReadonlyMap<string, ModelTable>) {
    this.#random = random;
    this.#tables = tables;
    this.#scansIndex = circumstances.schema === 0;
    this.keys = allKeys.slice(0, circumstances.keys);
  }

  table(): string {
    return this.#random.chance(0.8) ? "t" : "u";
  }

  /** A few keys are asked for often. */
  key(): Item {
    return this.#random.chance(0.5) ? this.keys[0]! : this.#random.pick(this.keys);
  }

  shape(table: string): KeyShape {
    if (this.#random.chance(0.01)) return this.#random.pick(shapes);
    return this.#tables.get(table)?.lives.at(-1)?.shape ?? shapes[0]!;
  }

  keyIn(table: string, key: Item): Item {
    const { partition, sort } = this.shape(table);
    const names = sort === undefined ? [partition] : [partition, sort];
    return Object.fromEntries(names.map((name) => [name, key[name]!]));
  }

  next(): Ask {
    const kind = this.#random.weighted(readMix);
    if (kind === "batch" || kind === "strongBatch") return this.#batch(kind === "strongBatch");
    if (kind === "transact") return this.#transact();
    return this.one(kind, this.table(), this.key());
  }

  /** A read of this very item, or of something that it stands in. */
  near(table: string, key: Item): Ask {
    return this.one(this.#random.weighted({ item: 6, query: 2, index: 2, strong: 1 }), table, key);
  }

  one(kind: "item" | "strong" | "query" | "index" | "local" | "scan", TableName: string, key: Item): Ask {
    if (kind === "item" || kind === "strong") {
      const input = { TableName, Key: this.keyIn(TableName, key), ...this.#projection() };
      if (kind === "strong") return ask("GetItem", { ...input, ConsistentRead: true });
      return this.#wishing("GetItem", {
        ...input,
        ...(this.#random.chance(0.1) && { ReturnConsumedCapacity: "TOTAL" }),
      });
    }
    if (kind === "scan") {
      // A Scan does not say what the GSI was keyed by: it can be judged where that never changes.
      const IndexName = this.#scansIndex && this.#random.chance(0.2) ? globalIndex : undefined;
      return this.#wishing("Scan", { TableName, ...(IndexName && { IndexName }) });
    }
    const life = this.#tables.get(TableName)?.lives.at(-1);
    const missing =
      kind === "index" ? life?.globalKey === undefined : kind === "local" && life?.shape.sort === undefined;
    if (missing && this.#random.chance(0.9)) return this.one("query", TableName, key);
    const name = kind === "index" ? (life?.globalKey ?? "g") : (life?.shape.partition ?? "pk");
    const value = kind === "index" && name !== "sk" ? { S: this.#random.pick(groups) } : key[name];
    return this.#wishing("Query", {
      TableName,
      ...(kind === "index" && { IndexName: globalIndex }),
      ...(kind === "local" && { IndexName: localIndex }),
      KeyConditionExpression: `${name} = :p`,
      ExpressionAttributeValues: { ":p": value },
      ...(kind === "query" && this.#random.chance(0.15) && { Limit: 1 }),
    });
  }

  /** Everything that can be asked, for the time when all has come to rest. */
  everything(): readonly Ask[] {
    return ["t", "u"].flatMap((table) =>
      this.keys.flatMap((key) =>
        (["item", "query", "index", "index", "local", "scan"] as const).map((kind) =>
          this.one(kind, table, key),
        ),
      ),
    );
  }

  #batch(ConsistentRead: boolean): Ask {
    const tables = this.#random.chance(0.3) ? ["t", "u"] : [this.table()];
    const RequestItems = Object.fromEntries(
      tables.map((table) => {
        const keys = distinct(
          this.keys
            .filter(() => this.#random.chance(0.5))
            .concat(this.key())
            .map((key) => this.keyIn(table, key)),
        );
        const strong = ConsistentRead || this.#random.chance(0.1);
        return [table, { Keys: keys, ...(strong && { ConsistentRead: true }), ...this.#projection() }];
      }),
    );
    return this.#wishing("BatchGetItem", { RequestItems });
  }

  #transact(): Ask {
    const keys = distinct([this.key(), this.key()].map((key) => this.keyIn("t", key)));
    return ask("TransactGetItems", { TransactItems: keys.map((Key) => ({ Get: { TableName: "t", Key } })) });
  }

  #projection(): Input {
    return this.#random.chance(0.1) ? { ProjectionExpression: "v, pk, sk" } : {};
  }

  #wishing(operation: string, input: Input): Ask {
    const wishes = { none: 85, noCache: 5, noStore: 5, onlyIfCached: 2, young: 3 } as const;
    const wish = this.#random.weighted(wishes);
    if (wish === "none") return ask(operation, input);
    if (wish === "young")
      return ask(operation, input, { ...noWishes, ageMsMax: this.#random.between(1, 60) });
    return ask(operation, input, { ...noWishes, [wish]: true });
  }
}

export function ask(
  operation: string,
  input: Input,
  control: CacheControl = noWishes,
  effects?: readonly Effect[],
): Ask {
  return { operation, input, control, effects };
}

/** Without those that name the same item. */
export function distinct(keys: readonly Item[]): readonly Item[] {
  return [...new Map(keys.map((key) => [JSON.stringify(key), key])).values()];
}
