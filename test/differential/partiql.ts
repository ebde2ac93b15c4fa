// PartiQL: SELECT, INSERT, UPDATE and DELETE, alone, in batches and in transactions.

import fc from "fast-check";
import type { AttributeValue } from "../../src/dynamodb/model.ts";
import { defined, often, rarely } from "./chance.ts";
import { capacity, type Step, shapeOf, table, tableName, type Wire, type World } from "./operation.ts";
import { type KeyName, type KeyPick, keyPick, keyValue, type Shape, targets } from "./shapes.ts";
import { type ItemPick, item, itemPick, type Path, scalarValue, value } from "./values.ts";
import { token } from "./writes.ts";

interface Statement {
  readonly Statement: string;
  readonly Parameters?: readonly AttributeValue[];
  readonly ReturnValuesOnConditionCheckFailure?: string;
}
type Writer = (world: World) => Statement;

/** Collects parameters, or writes values as literals where that is possible and wished. */
class Values {
  readonly given: AttributeValue[] = [];
  readonly #literals: boolean;

  constructor(literals: boolean) {
    this.#literals = literals;
  }

  of(value: AttributeValue): string {
    const literal = this.#literals ? literalOf(value) : undefined;
    if (literal !== undefined) return literal;
    this.given.push(value);
    return "?";
  }

  statement(Statement: string): Statement {
    return { Statement, ...(this.given.length > 0 && { Parameters: this.given }) };
  }
}

function literalOf(value: AttributeValue): string | undefined {
  if ("S" in value) return quoted(value.S);
  if ("N" in value) return /^-?\d+(\.\d+)?$/.test(value.N) ? value.N : undefined;
  if ("BOOL" in value) return String(value.BOOL);
  if ("NULL" in value) return "NULL";
  if ("SS" in value) return bracketed("<<", value.SS.map(quoted), ">>");
  if ("L" in value) return bracketed("[", value.L.map(literalOf), "]");
  if ("M" in value) {
    const members = Object.entries(value.M).map(([name, one]) => {
      const literal = literalOf(one);
      return literal === undefined ? undefined : `${quoted(name)}: ${literal}`;
    });
    return bracketed("{", members, "}");
  }
  return undefined;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function bracketed(open: string, parts: readonly (string | undefined)[], close: string): string | undefined {
  return parts.includes(undefined) ? undefined : `${open}${parts.join(", ")}${close}`;
}

function named(path: Path): string {
  return path
    .map((step, at) => (typeof step === "number" ? `[${step}]` : `${at > 0 ? "." : ""}"${step}"`))
    .join("");
}

function whereKey(shape: Shape, picked: KeyPick, values: Values, isWhole = true): string {
  const half = (name: KeyName, pick: KeyPick["hash"]) =>
    `"${name}" = ${values.of(keyValue(shape, name, pick))}`;
  const halves = [half("pk", picked.hash)];
  if (shape.hasSortKey && isWhole) halves.push(half("sk", picked.range));
  return halves.join(" AND ");
}

const literals = fc.boolean();
const plainPath = fc.constantFrom<Path>(["x"], ["n"], ["m"], ["m", "a"], ["l", 0], ["status"]);
const onFailure = rarely(fc.constant("ALL_OLD"), 5);

/** Of a whole table, a partition, one item or an index; now and then with a further condition. */
const select = (where: fc.Arbitrary<string>): fc.Arbitrary<Writer> =>
  fc
    .record({
      table,
      key: keyPick,
      where,
      paths: often(
        fc.uniqueArray(plainPath, { minLength: 1, maxLength: 3, selector: (one) => one.join("/") }),
        1,
      ),
      condition: rarely(fc.tuple(plainPath, value), 4),
      literals,
    })
    .map((fields) => (world) => {
      const shape = shapeOf(world, fields.table);
      const values = new Values(fields.literals);
      const index = fields.where === "index" ? targets(shape).at(-1) : undefined;
      const from = `"${tableName(fields.table)}"${index?.name ? `."${index.name}"` : ""}`;
      const conditions: string[] = [];
      if (index)
        conditions.push(`"${index.hash}" = ${values.of(keyValue(shape, index.hash, fields.key.hash))}`);
      else if (fields.where !== "table")
        conditions.push(whereKey(shape, fields.key, values, fields.where === "item"));
      if (fields.condition)
        conditions.push(`${named(fields.condition[0])} = ${values.of(fields.condition[1])}`);
      const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
      return values.statement(`SELECT ${fields.paths?.map(named).join(", ") ?? "*"} FROM ${from}${where}`);
    });

const insert: fc.Arbitrary<Writer> = fc
  .record({ table, item: itemPick, literals, onFailure })
  .map(({ table, item: picked, literals, onFailure }) => (world) => {
    const values = new Values(literals);
    return withFailure(values.statement(insertText(world, table, picked, values)), onFailure);
  });

function insertText(world: World, table: number, picked: ItemPick, values: Values): string {
  const members = Object.entries(item(shapeOf(world, table), picked)).map(
    ([name, given]) => `${quoted(name)}: ${values.of(given)}`,
  );
  return `INSERT INTO "${tableName(table)}" VALUE {${members.join(", ")}}`;
}

const nothing = fc.constant("");
const oldImage = fc.constantFrom("", "", " RETURNING ALL OLD *");
const anyImage = fc.constantFrom(
  ...["", "", "", " RETURNING ALL NEW *", " RETURNING ALL OLD *", " RETURNING MODIFIED NEW *"],
  " RETURNING MODIFIED OLD *",
);
/** SET or, without a value, REMOVE. */
const assignment: fc.Arbitrary<readonly [Path, AttributeValue | undefined]> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(plainPath, often(value, 4)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant<Path>(["gk"]), often(scalarValue, 4)) },
);
const update = (returning: fc.Arbitrary<string>): fc.Arbitrary<Writer> =>
  fc
    .record({
      table,
      key: keyPick,
      changes: fc.uniqueArray(assignment, { minLength: 1, maxLength: 2, selector: ([path]) => path[0] }),
      condition: rarely(plainPath, 5),
      isWhole: rarely(fc.constant(false), 12),
      returning,
      literals,
      onFailure,
    })
    .map((fields) => (world) => {
      const values = new Values(fields.literals);
      const changes = fields.changes.map(([path, given]) =>
        given === undefined ? `REMOVE ${named(path)}` : `SET ${named(path)} = ${values.of(given)}`,
      );
      const where = whereKey(shapeOf(world, fields.table), fields.key, values, fields.isWhole ?? true);
      const more = fields.condition ? ` AND ${named(fields.condition)} IS NOT MISSING` : "";
      const text = `UPDATE "${tableName(fields.table)}" ${changes.join(" ")} WHERE ${where}${more}`;
      return withFailure(values.statement(text + fields.returning), fields.onFailure);
    });

const remove = (returning: fc.Arbitrary<string>): fc.Arbitrary<Writer> =>
  fc
    .record({ table, key: keyPick, returning, literals, onFailure })
    .map(({ table, key, returning, literals, onFailure }) => (world) => {
      const values = new Values(literals);
      const where = whereKey(shapeOf(world, table), key, values);
      const text = `DELETE FROM "${tableName(table)}" WHERE ${where}${returning}`;
      return withFailure(values.statement(text), onFailure);
    });

/** Transactions only: EXISTS. */
const exists: fc.Arbitrary<Writer> = fc
  .record({ table, key: keyPick, condition: plainPath })
  .map((fields) => (world) => {
    const values = new Values(false);
    const where = whereKey(shapeOf(world, fields.table), fields.key, values);
    const condition = `${where} AND ${named(fields.condition)} IS NOT MISSING`;
    return values.statement(`EXISTS(SELECT * FROM "${tableName(fields.table)}" WHERE ${condition})`);
  });

function withFailure(
  statement: Statement,
  ReturnValuesOnConditionCheckFailure: string | undefined,
): Statement {
  return ReturnValuesOnConditionCheckFailure === undefined
    ? statement
    : { ...statement, ReturnValuesOnConditionCheckFailure };
}

const broken: fc.Arbitrary<Writer> = fc
  .constantFrom(
    "SELEC * FROM x",
    `SELECT * FROM "%%none"`,
    `UPDATE "%%tbl0" SET x = 1`,
    "",
    `DROP TABLE "%%tbl0"`,
  )
  .map((Statement) => () => ({ Statement }));
const change = update(anyImage);
const write = fc.oneof(insert, change, change, remove(oldImage));
/** Transactions know no RETURNING. */
const transactWrite = fc.oneof(insert, update(nothing), update(nothing), remove(nothing), exists);
const wholeKey = fc.oneof({ weight: 12, arbitrary: fc.constant("item") }, fc.constant("partition"));
const anywhere = fc.constantFrom("item", "item", "partition", "index", "table");

function wire(operation: string, input: Record<string, unknown>, pages = false): Wire {
  return { operation, input: defined(input), ...(pages && { follow: "pages" as const }) };
}

export const executeStatement: fc.Arbitrary<Step> = fc
  .record({
    writer: fc.oneof(
      { weight: 15, arbitrary: select(anywhere).map((writer) => ({ writer, reads: true })) },
      { weight: 20, arbitrary: write.map((writer) => ({ writer, reads: false })) },
      { weight: 1, arbitrary: broken.map((writer) => ({ writer, reads: false })) },
    ),
    limit: fc.constantFrom(undefined, undefined, 1, 2),
    consistent: rarely(fc.constantFrom(true, false), 6),
    capacity,
  })
  .map(({ writer: { writer, reads }, limit, consistent, capacity }) => ({
    wires: (world) => {
      const read = reads ? { Limit: limit, ConsistentRead: consistent } : {};
      const input = { ...writer(world), ...read, ReturnConsumedCapacity: capacity };
      return [wire("ExecuteStatement", input, reads)];
    },
  }));

const many = (one: fc.Arbitrary<Writer>) => fc.array(one, { minLength: 1, maxLength: 3 });
/** Batches and transactions read whole keys only; others are their errors. */
const readItem = select(wholeKey);

export const batchExecuteStatement: fc.Arbitrary<Step> = fc
  .record({ writers: fc.oneof(many(write), many(readItem), many(fc.oneof(write, readItem))), capacity })
  .map(({ writers, capacity }) => ({
    wires: (world) => [
      wire("BatchExecuteStatement", {
        Statements: writers.map((writer) => writer(world)),
        ReturnConsumedCapacity: capacity,
      }),
    ],
  }));

export const executeTransaction: fc.Arbitrary<Step> = fc
  .record({
    writers: fc.oneof(many(transactWrite), many(transactWrite), many(readItem)),
    token,
    again: often(fc.integer({ min: 0, max: 5 }), 1),
    capacity,
  })
  .map(({ writers, token, again, capacity }) => ({
    againAfter: token === undefined ? undefined : again,
    wires: (world) => [
      wire("ExecuteTransaction", {
        TransactStatements: writers.map((writer) => writer(world)),
        ClientRequestToken: token,
        ReturnConsumedCapacity: capacity,
      }),
    ],
  }));
