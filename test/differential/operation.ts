// What one step of a sequence is: requests in a world of tables, with %% before every table name and token.

import fc from "fast-check";
import { Speller, type Style, style } from "./expressions.ts";
import type { Shape } from "./shapes.ts";

/** Stands before each table name and token; each side of the comparison puts its own prefix here. */
export const PREFIX = "%%";
export const TABLES = 2;

/** What runs twice in a row through the proxy. */
export const reads: ReadonlySet<string> = new Set([
  ...["GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"],
]);

/** The tables as they are now. An undefined one was deleted. */
export interface World {
  readonly shapes: Shape[];
  readonly exists: boolean[];
}

/** One request. A text is a body sent as it is. */
export interface Wire {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>> | string;
  /** "pages": its pages are followed to the end. "segments": so are those of all its segments. */
  readonly follow?: "pages" | "segments";
  /** x-dynatier-cache-control for the first read through the proxy. */
  readonly cacheControl?: string | undefined;
}

export interface Step {
  wires(world: World): readonly Wire[];
  /** The same requests are sent again, letter for letter, after so many more steps. */
  readonly againAfter?: number | undefined;
  /** Called after each success. */
  done?(world: World, wire: Wire): void;
}

export const table: fc.Arbitrary<number> = fc.constantFrom(0, 0, 0, 1);
export function tableName(table: number): string {
  return `${PREFIX}tbl${table}`;
}

export function shapeOf(world: World, table: number): Shape {
  const shape = world.shapes[table];
  if (shape === undefined) throw new Error(`there is no table ${table}`);
  return shape;
}

/** Gives a request's writer the table's present shape and a fresh speller. */
export interface Scene {
  readonly TableName: string;
  readonly shape: Shape;
  readonly speller: Speller;
}

export function scene(world: World, table: number, how: Style): Scene {
  const shape = shapeOf(world, table);
  return { TableName: tableName(table), shape, speller: new Speller(shape, how) };
}

/** A step of one request on one table. */
export function onTable<Fields>(
  operation: string,
  fields: fc.Arbitrary<Fields>,
  write: (fields: Fields, scene: Scene) => Omit<Wire, "operation">,
): fc.Arbitrary<Step> {
  return fc.tuple(table, style, fields).map(([table, how, given]) => ({
    wires: (world: World) => [{ operation, ...write(given, scene(world, table, how)) }],
  }));
}

export const capacity = fc.constantFrom(undefined, undefined, "NONE", "TOTAL", "INDEXES");
export const collectionMetrics = fc.constantFrom(undefined, undefined, undefined, "SIZE", "NONE");
