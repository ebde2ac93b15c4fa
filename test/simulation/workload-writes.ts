/**
 * The writes that clients ask for. Every image carries a number of its own, so that an answer tells whose
 * write it shows.
 */

import type { Input, Item } from "../../src/dynamodb/model.ts";
import { noWishes } from "../../src/proxy/call.ts";
import type { ModelTable } from "./model-table.ts";
import type { Effect } from "./model-writes.ts";
import type { Random } from "./random.ts";
import { type Ask, ask, distinct, globalKeys, groups, type ReadWorkload, shapes } from "./workload.ts";

const writeMix = { put: 24, update: 26, delete: 10, batch: 10, transact: 10, repeat: 4, partiql: 6 } as const;

export class WriteWorkload {
  readonly #random: Random;
  readonly #reads: ReadWorkload;
  readonly #tables: ReadonlyMap<string, ModelTable>;
  #serial = 0;
  /** Transactions that may be asked for again. */
  readonly #transactions: Ask[] = [];

  constructor(random: Random, reads: ReadWorkload, tables: ReadonlyMap<string, ModelTable>) {
    this.#random = random;
    this.#reads = reads;
    this.#tables = tables;
  }

  next(table = this.#reads.table()): Ask {
    const key = this.#reads.key();
    const kind = this.#random.weighted(writeMix);
    if (kind === "put") return this.#put(table, key);
    if (kind === "update") return this.#update(table, key);
    if (kind === "delete") return this.#delete(table, key);
    if (kind === "batch") return this.#batch(table);
    if (kind === "partiql") return this.#statement(table, key);
    const earlier = kind === "repeat" && this.#transactions.length > 0;
    return earlier ? this.#random.pick(this.#transactions) : this.#transact(table);
  }

  /** One effect of a writer who does not know the proxy. */
  foreign(): Extract<Effect, { kind: "put" | "delete" }> {
    const table = this.#reads.table();
    const item = this.#item(this.#reads.key());
    if (this.#random.chance(0.7)) return { kind: "put", table, item };
    return { kind: "delete", table, key: this.#reads.keyIn(table, item) };
  }

  /** A change of a table's schema; of one that is gone, its creation. */
  schema(): Ask {
    const TableName = this.#reads.table();
    const Simulated = this.#version().N;
    const globalKey = this.#random.pick(globalKeys);
    const change = (operation: string, effect: Effect) =>
      ask(operation, { TableName, Simulated }, noWishes, [effect]);
    if (this.#tables.get(TableName)?.current === undefined) {
      const shape = this.#random.pick(shapes);
      return change("CreateTable", { kind: "create", table: TableName, shape, globalKey });
    }
    if (this.#random.chance(0.75))
      return change("UpdateTable", { kind: "reindex", table: TableName, globalKey });
    return change("DeleteTable", { kind: "drop", table: TableName });
  }

  #item(key: Item): Item {
    const some = (share: number) =>
      this.#random.chance(share) ? { S: this.#random.pick(groups) } : undefined;
    const [g, h] = [some(0.7), some(0.5)];
    return { ...key, v: this.#version(), ...(g && { g }), ...(h && { h }) };
  }

  #version(): { readonly N: string } {
    this.#serial += 1;
    return { N: String(this.#serial) };
  }

  #put(TableName: string, key: Item): Ask {
    const item = this.#item(key);
    const ReturnValues = this.#random.pick([undefined, undefined, "NONE", "ALL_OLD"]);
    const input = { TableName, ...(ReturnValues && { ReturnValues }), Item: item };
    return ask("PutItem", input, noWishes, [{ kind: "put", table: TableName, item }]);
  }

  #update(TableName: string, whole: Item): Ask {
    const key = this.#reads.keyIn(TableName, whole);
    const v = this.#version();
    const group = { S: this.#random.pick(groups) };
    const variants: readonly (readonly [string, Input, Item, readonly string[]])[] = [
      ["SET v = :v", { ":v": v }, { v }, []],
      ["SET v = :v", { ":v": v }, { v }, []],
      ["SET v = :v, g = :g", { ":v": v, ":g": group }, { v, g: group }, []],
      ["SET h = :h, v = :v", { ":v": v, ":h": group }, { v, h: group }, []],
      ["SET v = :v REMOVE g", { ":v": v }, { v }, ["g"]],
    ];
    const [UpdateExpression, ExpressionAttributeValues, set, remove] = this.#random.pick(variants);
    const ReturnValues = this.#random.pick([
      undefined,
      undefined,
      "NONE",
      "ALL_OLD",
      "ALL_NEW",
      "UPDATED_OLD",
      "UPDATED_NEW",
    ]);
    const input = {
      TableName,
      Key: key,
      UpdateExpression,
      ExpressionAttributeValues,
      ...(ReturnValues && { ReturnValues }),
    };
    return ask("UpdateItem", input, noWishes, [{ kind: "update", table: TableName, key, set, remove }]);
  }

  #delete(TableName: string, whole: Item): Ask {
    const key = this.#reads.keyIn(TableName, whole);
    const ReturnValues = this.#random.pick([undefined, undefined, "ALL_OLD"]);
    const input = {
      ...{ TableName, Key: key, ConditionExpression: "attribute_not_exists(w) OR w <> :w" },
      ...{ ExpressionAttributeValues: { ":w": this.#version() }, ...(ReturnValues && { ReturnValues }) },
    };
    return ask("DeleteItem", input, noWishes, [{ kind: "delete", table: TableName, key }]);
  }

  #batch(TableName: string): Ask {
    const [first = this.#reads.key(), ...others] = distinct([
      this.#reads.key(),
      this.#reads.key(),
      this.#reads.key(),
    ]);
    const item = this.#item(first);
    const requests: Input[] = [{ PutRequest: { Item: item } }];
    const effects: Effect[] = [{ kind: "put", table: TableName, item }];
    for (const other of others) {
      if (this.#random.chance(0.5)) {
        const put = this.#item(other);
        requests.push({ PutRequest: { Item: put } });
        effects.push({ kind: "put", table: TableName, item: put });
      } else {
        const key = this.#reads.keyIn(TableName, other);
        requests.push({ DeleteRequest: { Key: key } });
        effects.push({ kind: "delete", table: TableName, key });
      }
    }
    return ask("BatchWriteItem", { RequestItems: { [TableName]: requests } }, noWishes, effects);
  }

  #transact(TableName: string): Ask {
    const [first = this.#reads.key(), second] = distinct([this.#reads.key(), this.#reads.key()]);
    const item = this.#item(first);
    const actions: Input[] = [{ Put: { TableName, Item: item } }];
    const effects: Effect[] = [{ kind: "put", table: TableName, item }];
    if (second !== undefined) {
      const key = this.#reads.keyIn(TableName, second);
      const v = this.#version();
      const update = { UpdateExpression: "SET v = :v", ExpressionAttributeValues: { ":v": v } };
      const kind = this.#random.weighted({ update: 2, delete: 1, check: 1 });
      if (kind === "update") effects.push({ kind, table: TableName, key, set: { v }, remove: [] });
      else effects.push({ kind, table: TableName, key });
      if (kind === "update") actions.push({ Update: { TableName, Key: key, ...update } });
      else if (kind === "delete") actions.push({ Delete: { TableName, Key: key } });
      else
        actions.push({
          ConditionCheck: { TableName, Key: key, ConditionExpression: "attribute_not_exists(w)" },
        });
    }
    const token = this.#random.chance(0.7);
    const input = {
      TransactItems: actions,
      ...(token && { ClientRequestToken: `token-${item.v && "N" in item.v ? item.v.N : ""}` }),
    };
    const transaction = ask("TransactWriteItems", input, noWishes, effects);
    if (token) this.#transactions.push(transaction);
    return transaction;
  }

  #statement(TableName: string, whole: Item): Ask {
    const v = this.#version();
    if (this.#random.chance(0.3)) {
      const item = { ...whole, v };
      const members = Object.entries(whole).map(
        ([name, value]) => `'${name}': '${"S" in value ? value.S : ""}'`,
      );
      const Statement = `INSERT INTO "${TableName}" VALUE {${members.join(", ")}, 'v': ${v.N}}`;
      return ask("ExecuteStatement", { Statement }, noWishes, [{ kind: "insert", table: TableName, item }]);
    }
    const key = this.#reads.keyIn(TableName, whole);
    const wheres = Object.entries(key).map(([name, value]) => `${name} = '${"S" in value ? value.S : ""}'`);
    const Statement = `UPDATE "${TableName}" SET v = ${v.N} WHERE ${wheres.join(" AND ")}`;
    return ask("ExecuteStatement", { Statement }, noWishes, [
      { kind: "updateExisting", table: TableName, key, set: { v }, remove: [] },
    ]);
  }
}
