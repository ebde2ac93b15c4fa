// Runs one sequence on both sides, from empty tables, and says where they part.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isObject } from "../../src/dynamodb/model.ts";
import { difference } from "./comparison.ts";
import type { Coverage } from "./coverage.ts";
import { exchange, exchanges, type Side } from "./exchange.ts";
import { reads, type Step, TABLES, tableName, type Wire, type World } from "./operation.ts";
import type { Sequence } from "./sequence.ts";
import { createTableInput } from "./shapes.ts";

/** The proxy and the emulator behind it. */
export interface Places {
  readonly proxy: string;
  readonly direct: string;
}

/**
 * Two beginnings with the same hash code in Java. DynamoDB Local looks at a batch's tables in the order of
 * a hash map, so which of two errors it reports hangs on the tables' names; these make it the same one on
 * both sides.
 */
const SAME_HASH = ["Aa", "BB"] as const;
const run = randomBytes(3).toString("hex");
let sequences = 0;

/** @throws Error that shows every request of the sequence up to the first difference, and both replies */
export async function runSequence(sequence: Sequence, places: Places, coverage: Coverage): Promise<void> {
  // Tables of its own for each attempt: what is left of another, in a table or in the cache, cannot matter.
  sequences += 1;
  const names = `${run}${sequences.toString(36).padStart(4, "0")}-`;
  const runner = new Runner(
    { url: places.proxy, prefix: `${SAME_HASH[0]}${names}` },
    { url: places.direct, prefix: `${SAME_HASH[1]}${names}` },
    { shapes: [...sequence.shapes], exists: sequence.shapes.map(() => true) },
    coverage,
  );
  try {
    await runner.createTables();
    await runner.runAll(sequence.steps);
  } finally {
    await runner.deleteTables();
  }
}

class Runner {
  readonly #proxied: Side;
  readonly #direct: Side;
  readonly #world: World;
  readonly #coverage: Coverage;
  readonly #trace: string[] = [];

  constructor(proxied: Side, direct: Side, world: World, coverage: Coverage) {
    this.#proxied = proxied;
    this.#direct = direct;
    this.#world = world;
    this.#coverage = coverage;
  }

  async createTables(): Promise<void> {
    for (const [table, shape] of this.#world.shapes.entries()) {
      const input = { ...createTableInput(tableName(table), shape) };
      await this.#run({ operation: "CreateTable", input }, false);
    }
  }

  async deleteTables(): Promise<void> {
    for (let table = 0; table < TABLES; table += 1) {
      const wire = { operation: "DeleteTable", input: { TableName: tableName(table) } };
      await Promise.all([exchange(this.#proxied, wire), exchange(this.#direct, wire)]);
    }
  }

  async runAll(steps: readonly Step[]): Promise<void> {
    const later = new Map<number, (readonly Wire[])[]>();
    for (const [at, step] of steps.entries()) {
      const wires = step.wires(this.#world);
      for (const wire of wires) {
        const status = await this.#run(wire, false);
        if (status === 200) step.done?.(this.#world, wire);
      }
      if (step.againAfter !== undefined) {
        const due = Math.min(at + step.againAfter, steps.length - 1);
        later.set(due, [...(later.get(due) ?? []), wires]);
      }
      for (const wires of later.get(at) ?? []) for (const wire of wires) await this.#run(wire, true);
    }
  }

  /** Direct once, through the proxy once or (reads) twice in a row. Returns the first status. */
  async #run(wire: Wire, isAgain: boolean): Promise<number> {
    this.#trace.push(`${wire.operation} ${JSON.stringify(wire.input)}`);
    const isRead = reads.has(wire.operation);
    const [direct, [first, second]] = await Promise.all([
      exchanges(this.#direct, wire),
      this.#through(wire, isRead),
    ]);
    this.#coverage.asked(wire, direct);
    const answer = JSON.stringify(direct[0]?.body).slice(0, 300);
    this.#trace.push(`  ${isAgain ? "again" : ""} ${direct[0]?.status} ${answer}`);
    this.#expectSame("", wire, direct, first);
    if (isAgain) this.#coverage.repeated(wire, "later", first);
    if (second !== undefined) {
      this.#expectSame("read again at once: ", wire, direct, second);
      this.#coverage.repeated(wire, "at once", second);
    }
    const status = direct[0]?.status ?? 0;
    if (status === 200 && /^(?:Create|Update|Delete)Table$/.test(wire.operation)) await this.#settled(wire);
    return status;
  }

  async #through(wire: Wire, isRead: boolean) {
    const first = await exchanges(this.#proxied, wire, wire.cacheControl);
    return [first, isRead ? await exchanges(this.#proxied, wire) : undefined] as const;
  }

  #expectSame(
    what: string,
    wire: Wire,
    direct: Parameters<typeof difference>[1],
    proxied: Parameters<typeof difference>[2],
  ): void {
    const found = difference(wire, direct, proxied);
    if (found === undefined) return;
    const outcomes = proxied.map(({ cache }) => cache).join(", ");
    throw new Error([`${what}the proxy (${outcomes}) differs`, found, "after", ...this.#trace].join("\n"));
  }

  /** Waits until the table is ACTIVE with all of its indexes, or gone, on both sides. */
  async #settled(wire: Wire): Promise<void> {
    const { TableName } = wire.input as { readonly TableName?: unknown };
    for (const { prefix } of [this.#proxied, this.#direct]) {
      // Asked directly: the proxy must not learn of the change from our looking.
      const side = { url: this.#direct.url, prefix };
      const giveUpAt = Date.now() + 20_000;
      while (!isSettled((await exchange(side, { operation: "DescribeTable", input: { TableName } })).body)) {
        if (Date.now() > giveUpAt)
          throw new Error(["a table does not become ACTIVE after", ...this.#trace].join("\n"));
        await sleep(10);
      }
    }
  }
}

function isSettled(body: unknown): boolean {
  const table = isObject(body) ? body.Table : undefined;
  if (!isObject(table)) return true;
  const indexes = table.GlobalSecondaryIndexes;
  const isActive = (one: unknown) => isObject(one) && one.IndexStatus === "ACTIVE";
  return table.TableStatus === "ACTIVE" && (!Array.isArray(indexes) || indexes.every(isActive));
}
