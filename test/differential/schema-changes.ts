// Changes of tables in the middle of a sequence: gone, back with the same or other keys, with an index more
// or less.

import fc from "fast-check";
import { often } from "./chance.ts";
import { type Step, shapeOf, table, tableName } from "./operation.ts";
import { addedGsi, addIndexInput, createTableInput, type Shape, shape } from "./shapes.ts";

/** Deletes and creates a table, mostly in one step; a creation of a table that exists is refused. */
const recreate: fc.Arbitrary<Step> = fc
  .record({
    table,
    next: often(shape, 1),
    verbs: fc.constantFrom("both", "both", "both", "delete", "create"),
  })
  .map(({ table, next, verbs }) => ({
    wires: (world) => {
      const TableName = tableName(table);
      const remove = { operation: "DeleteTable", input: { TableName } };
      const input = { ...createTableInput(TableName, next ?? shapeOf(world, table)) };
      const create = { operation: "CreateTable", input };
      return verbs === "both" ? [remove, create] : verbs === "delete" ? [remove] : [create];
    },
    done: (world, { operation }) => {
      world.exists[table] = operation === "CreateTable";
      if (operation === "CreateTable") world.shapes[table] = next ?? shapeOf(world, table);
    },
  }));

/** Makes a table that a "delete" step took away exist again. */
const restore: fc.Arbitrary<Step> = table.map((table) => ({
  wires: (world) => {
    if (world.exists[table]) return [];
    return [
      { operation: "CreateTable", input: { ...createTableInput(tableName(table), shapeOf(world, table)) } },
    ];
  },
  done: (world) => {
    world.exists[table] = true;
  },
}));

const index: fc.Arbitrary<Step> = fc
  .record({ table, gsi: addedGsi, verb: fc.constantFrom("add", "add", "remove") })
  .map(({ table, gsi, verb }) => ({
    wires: (world) => {
      const shape = shapeOf(world, table);
      const TableName = tableName(table);
      const name = verb === "add" ? gsi.name : (shape.global[0]?.name ?? gsi.name);
      const input =
        verb === "add"
          ? { ...addIndexInput(TableName, shape, gsi) }
          : { TableName, GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: name } }] };
      return [{ operation: "UpdateTable", input }];
    },
    done: (world) => {
      const shape = shapeOf(world, table);
      const global = verb === "add" ? [...shape.global, gsi] : shape.global.slice(1);
      const next: Shape = { ...shape, global };
      world.shapes[table] = next;
    },
  }));

/** Index changes take DynamoDB Local a second each, so they are rare. */
export const schemaChange: fc.Arbitrary<Step> = fc.oneof(
  { weight: 22, arbitrary: recreate },
  { weight: 22, arbitrary: restore },
  { weight: 1, arbitrary: index },
);
