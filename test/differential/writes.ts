// PutItem, UpdateItem, DeleteItem, BatchWriteItem and TransactWriteItems.

import fc from "fast-check";
import { defined, often, rarely } from "./chance.ts";
import { condition, type Piece, type Speller, style, update } from "./expressions.ts";
import { attributeUpdates, expected, type Legacy } from "./legacy.ts";
import {
  capacity,
  collectionMetrics,
  onTable,
  PREFIX,
  type Step,
  scene,
  shapeOf,
  table,
  tableName,
} from "./operation.ts";
import { hashPick, type KeyName, key, keyPick } from "./shapes.ts";
import { item, itemPick } from "./values.ts";

const onFailure = fc.constantFrom(undefined, undefined, "ALL_OLD", "NONE");

/** A condition in one dialect or the other, or none. */
interface Guard {
  readonly expression: Piece | undefined;
  readonly legacy: Record<string, unknown> | undefined;
  readonly onFailure: string | undefined;
}
const guard: fc.Arbitrary<Guard> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ expression: undefined, legacy: undefined, onFailure: undefined }) },
  {
    weight: 3,
    arbitrary: fc.record({ expression: condition, legacy: fc.constant(undefined), onFailure }),
  },
);
const guardOrLegacy: fc.Arbitrary<Guard> = fc.oneof(
  { weight: 8, arbitrary: guard },
  {
    weight: 1,
    arbitrary: expected.map((legacy) => ({ expression: undefined, legacy, onFailure: undefined })),
  },
);
function guardMembers(guard: Guard, s: Speller): Record<string, unknown> {
  return defined({
    ConditionExpression: guard.expression?.(s),
    ...guard.legacy,
    ReturnValuesOnConditionCheckFailure: guard.onFailure,
  });
}

const common = { guard: guardOrLegacy, capacity, metrics: collectionMetrics };
function commonMembers(fields: { capacity?: string | undefined; metrics?: string | undefined }): object {
  return {
    ReturnConsumedCapacity: fields.capacity,
    ReturnItemCollectionMetrics: fields.metrics,
  };
}

const oldValues = fc.constantFrom(undefined, undefined, "NONE", "ALL_OLD");
export const putItem: fc.Arbitrary<Step> = onTable(
  "PutItem",
  fc.record({ item: itemPick, ...common, returned: oldValues }),
  (fields, { TableName, shape, speller }) => ({
    input: defined({
      TableName,
      Item: item(shape, fields.item),
      ...guardMembers(fields.guard, speller),
      ...speller.placeholders(),
      ...commonMembers(fields),
      ReturnValues: fields.returned,
    }),
  }),
);

export const deleteItem: fc.Arbitrary<Step> = onTable(
  "DeleteItem",
  fc.record({ key: keyPick, ...common, returned: oldValues }),
  (fields, { TableName, shape, speller }) => ({
    input: defined({
      TableName,
      Key: key(shape, fields.key),
      ...guardMembers(fields.guard, speller),
      ...speller.placeholders(),
      ...commonMembers(fields),
      ReturnValues: fields.returned,
    }),
  }),
);

/** What an UpdateItem does: an expression, AttributeUpdates, or nothing (which creates the item). */
interface Change {
  readonly expression: Piece | undefined;
  readonly legacy: Legacy | undefined;
}
const changed: fc.Arbitrary<Change> = fc.oneof(
  { weight: 16, arbitrary: update.map((expression) => ({ expression, legacy: undefined })) },
  { weight: 3, arbitrary: attributeUpdates.map((legacy) => ({ expression: undefined, legacy })) },
  { weight: 1, arbitrary: fc.constant({ expression: undefined, legacy: undefined }) },
);

const anyValues = fc.constantFrom(
  ...[undefined, undefined, "NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW", "UPDATED_NEW"],
);

export const updateItem: fc.Arbitrary<Step> = onTable(
  "UpdateItem",
  fc.record({ key: keyPick, changed, ...common, returned: anyValues }),
  (fields, { TableName, shape, speller }) => {
    const { expression, legacy } = fields.changed;
    // The two dialects do not go together.
    const { guard } = fields;
    const used: Guard = expression
      ? { ...guard, legacy: undefined }
      : legacy
        ? { ...guard, expression: undefined }
        : guard;
    return {
      input: defined({
        TableName,
        Key: key(shape, fields.key),
        UpdateExpression: expression?.(speller),
        ...legacy?.(shape),
        ...guardMembers(used, speller),
        ...speller.placeholders(),
        ...commonMembers(fields),
        ReturnValues: fields.returned,
      }),
    };
  },
);

/** An update that moves an item within an index, into it or out of it, or only near it. */
export const moveItem: fc.Arbitrary<Step> = onTable(
  "UpdateItem",
  fc.record({
    key: keyPick,
    name: fc.constantFrom<KeyName | "x">("gk", "gk", "gk", "gs", "ls", "x"),
    to: often(hashPick, 3),
    returned: anyValues,
  }),
  ({ key: picked, name, to, returned }, { TableName, shape, speller }) => {
    const given = to && (name === "x" ? speller.value({ S: "x" }) : speller.key(name, to));
    const UpdateExpression =
      given === undefined ? `REMOVE ${speller.name(name)}` : `SET ${speller.name(name)} = ${given}`;
    const Key = key(shape, picked);
    return {
      input: defined({ TableName, Key, UpdateExpression, ...speller.placeholders(), ReturnValues: returned }),
    };
  },
);

const batchRequest = fc.oneof(
  fc.record({ table, put: itemPick }).map(({ table, put }) => ({ table, key: put.key, put })),
  fc.record({ table, key: keyPick }).map((one) => ({ ...one, put: undefined })),
);

/** Up to five requests on different items (on the same one, which is refused, now and then). */
export const batchWriteItem: fc.Arbitrary<Step> = fc
  .record({
    requests: fc.array(batchRequest, { minLength: 1, maxLength: 5 }),
    double: rarely(fc.constant(true), 15),
    capacity,
    metrics: collectionMetrics,
  })
  .map(({ requests, double, ...fields }) => ({
    wires: (world) => {
      const seen = new Set<string>();
      const RequestItems: Record<string, object[]> = {};
      for (const { table, key: picked, put } of requests) {
        const shape = shapeOf(world, table);
        const identity = `${table}/${picked.hash.value}/${shape.hasSortKey ? picked.range.value : ""}`;
        if (seen.has(identity) && !double) continue;
        seen.add(identity);
        RequestItems[tableName(table)] ??= [];
        RequestItems[tableName(table)]?.push(
          put ? { PutRequest: { Item: item(shape, put) } } : { DeleteRequest: { Key: key(shape, picked) } },
        );
      }
      return [{ operation: "BatchWriteItem", input: defined({ RequestItems, ...commonMembers(fields) }) }];
    },
  }));

const transactAction = fc.record({
  table,
  style,
  verb: fc.constantFrom("Put", "Update", "Delete", "ConditionCheck"),
  item: itemPick,
  update,
  condition,
  guard,
});

export const token: fc.Arbitrary<string | undefined> = often(
  fc.constantFrom("one", "two", "three").map((text) => `${PREFIX}${text}`),
  1,
);

/** Up to four actions. A token meets another request of the same token, or itself again (Step.againAfter). */
export const transactWriteItems: fc.Arbitrary<Step> = fc
  .record({
    actions: fc.array(transactAction, { minLength: 1, maxLength: 4 }),
    token,
    again: often(fc.integer({ min: 0, max: 5 }), 1),
    capacity,
    metrics: collectionMetrics,
  })
  .map(({ actions, token, again, ...fields }) => ({
    againAfter: token === undefined ? undefined : again,
    wires: (world) => {
      const TransactItems = actions.map((action) => {
        const { TableName, shape, speller } = scene(world, action.table, action.style);
        const { verb } = action;
        const Key = verb === "Put" ? undefined : key(shape, action.item.key);
        const checked: Guard =
          verb === "ConditionCheck" ? { ...action.guard, expression: action.condition } : action.guard;
        return {
          [verb]: defined({
            TableName,
            Key,
            Item: verb === "Put" ? item(shape, action.item) : undefined,
            UpdateExpression: verb === "Update" ? action.update(speller) : undefined,
            ...guardMembers(checked, speller),
            ...speller.placeholders(),
          }),
        };
      });
      const input = defined({ TransactItems, ClientRequestToken: token, ...commonMembers(fields) });
      return [{ operation: "TransactWriteItems", input }];
    },
  }));
