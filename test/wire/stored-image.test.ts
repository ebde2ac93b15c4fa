// Whenever we claim to know the stored form of an item, DynamoDB returns exactly that.

import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { storedImage } from "../../src/dynamodb/stored-image.ts";
import { call } from "../support/raw-client.ts";
import { testTables } from "../support/tables.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
let TableName = "";

beforeAll(async () => {
  TableName = await tables.create();
});
afterAll(() => tables.deleteAll());

test("a put item comes back as storedImage says, whenever it says something", {
  timeout: 120_000,
}, async () => {
  let claimed = 0;
  let changed = 0;
  await fc.assert(
    fc.asyncProperty(item(), async (attributes) => {
      // Fresh text, so that a member named __proto__ travels like any other.
      const sent: unknown = JSON.parse(`{"pk":{"S":"a"},${attributes}}`);
      const put = await call(url, "PutItem", { TableName, Item: sent });
      if (put.status !== 200) return;
      const image = storedImage(sent);
      if (image === undefined) return;
      claimed += 1;
      if (image !== sent) changed += 1;
      const got = await call(url, "GetItem", { TableName, Key: { pk: { S: "a" } }, ConsistentRead: true });
      expect(flat(got.body.Item)).toEqual(flat(image));
    }),
    { numRuns: 1500 },
  );
  expect(claimed).toBeGreaterThan(300);
  expect(changed).toBeGreaterThan(50);
});

test("DynamoDB takes 31 levels of lists and maps in an attribute and refuses 32", async () => {
  for (const [levels, status] of [
    [31, 200],
    [32, 400],
  ] as const) {
    let value: unknown = { S: "leaf" };
    for (let level = 0; level < levels; level += 1) value = level % 2 ? { L: [value] } : { M: { a: value } };
    const put = await call(url, "PutItem", { TableName, Item: { pk: { S: "deep" }, value } });
    expect(put.status).toBe(status);
    expect(storedImage({ value }) !== undefined).toBe(status === 200);
  }
});

/** Independent of the order of members, and blind to no name. */
function flat(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(flat);
  if (typeof value !== "object" || value === null) return value;
  return Object.keys(value)
    .sort()
    .map((name) => [name, flat(Object.getOwnPropertyDescriptor(value, name)?.value)]);
}

/** The members of an item as JSON text, most values in forms that we claim to know, some not. */
function item(): fc.Arbitrary<string> {
  const text = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 8 }),
    fc.constantFrom("", "a", "\u0000", "\u2028"),
  );
  const name = fc.oneof(
    fc.constantFrom("__proto__", "constructor", "a", "b", "é"),
    fc.string({ minLength: 1 }),
  );
  const digits = fc.stringMatching(/^[0-9]{1,20}$/);
  const number = fc.oneof(
    digits,
    fc
      .tuple(fc.constantFrom("", "-", "+"), digits, fc.constantFrom(".", ".0", ".000", ".00001"), digits)
      .map(join),
    fc.constantFrom(
      "0",
      "-0",
      "0.0",
      "1e2",
      "1E-3",
      ".5",
      "5.",
      "007",
      "0.00000100",
      "0.0000001",
      `1${"0".repeat(37)}`,
    ),
  );
  const binary = fc.oneof(
    fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString("base64")),
    fc.constantFrom("YR==", "YQ==YQ==", "YWJj\n"),
  );
  const tree = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(
        text.map((S) => ({ S })),
        number.map((N) => ({ N })),
        binary.map((B) => ({ B })),
        fc.boolean().map((BOOL) => ({ BOOL })),
        fc.constant({ NULL: true }),
        fc.uniqueArray(text, { minLength: 1, maxLength: 2 }).map((SS) => ({ SS })),
        fc.uniqueArray(number, { minLength: 1, maxLength: 2 }).map((NS) => ({ NS })),
        fc.uniqueArray(binary, { minLength: 1, maxLength: 1 }).map((BS) => ({ BS })),
      ),
      fc.array(tie("value"), { maxLength: 3 }).map((L) => ({ L })),
      fc
        .uniqueArray(fc.tuple(name, tie("value")), { maxLength: 3, selector: ([key]) => key })
        .map((members) => ({ M: Object.fromEntries(members) })),
    ),
  }));
  return fc
    .uniqueArray(
      fc.tuple(
        name,
        fc.oneof(
          tree.value,
          number.map((N) => ({ N })),
        ),
      ),
      { minLength: 1, maxLength: 4, selector: ([key]) => key },
    )
    .map((members) =>
      members.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(","),
    );
}

function join(parts: readonly string[]): string {
  return parts.join("");
}
