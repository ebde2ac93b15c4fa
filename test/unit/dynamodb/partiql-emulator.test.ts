// Random statements are run by DynamoDB Local: an item that changes must be the one that statementEffect
// names, or statementEffect must have left it open. A statement said to read must change nothing.

import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { canonicalKey, itemKey } from "../../../src/dynamodb/canonical-key.ts";
import type { Input, Item, TableSchema } from "../../../src/dynamodb/model.ts";
import { statementEffect } from "../../../src/dynamodb/partiql.ts";
import { call } from "../../support/raw-client.ts";
import { testTables } from "../../support/tables.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
const schema: TableSchema = {
  TableName: "t",
  tableId: "t",
  partitionKey: { name: "pk", type: "S" },
  sortKey: { name: "sk", type: "N" },
  indexes: new Map(),
  fingerprint: "",
  streamArn: undefined,
};
let TableName = "";
let writes = 0;

beforeAll(async () => {
  TableName = await tables.create({ hash: "pk:S", range: "sk:N" });
  for (const pk of ["a", "b", "it's"]) {
    for (const sk of ["1", "2", "10"]) await put({ pk: { S: pk }, sk: { N: sk }, v: { S: "old" } });
  }
});
afterAll(() => tables.deleteAll());

test("the item that changes is the item that is named", { timeout: 300_000 }, async () => {
  let named = 0;
  let changes = 0;
  let before = await everyItem();
  await fc.assert(
    fc.asyncProperty(statement(), async (pieces) => {
      const Statement = pieces.map((piece) => (typeof piece === "string" ? piece : "?")).join("");
      const Parameters = pieces.filter((piece) => typeof piece !== "string");
      const effect = statementEffect(Statement.replaceAll("TABLE", TableName), Parameters);
      const reply = await call(url, "ExecuteStatement", {
        Statement: Statement.replaceAll("TABLE", TableName),
        ...(Parameters.length > 0 && { Parameters }),
      });
      const after = await everyItem();
      const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
        (key) => before.get(key) !== after.get(key),
      );
      before = after;
      if (reply.status !== 200) expect(changed).toEqual([]);
      for (const key of changed) {
        changes += 1;
        if (effect === undefined) continue;
        expect(effect.kind).toBe("write");
        if (effect.kind !== "write") return;
        expect(effect.TableName).toBe(TableName);
        const claimed = claimedKey(effect.attributes);
        if (claimed === undefined) continue;
        named += 1;
        expect(claimed).toBe(key);
      }
    }),
    { numRuns: 2500 },
  );
  expect(changes).toBeGreaterThan(300);
  expect(named / changes).toBeGreaterThan(0.5);
});

/** The key's canonical text if the statement tells all of it, as a caller would take it. */
function claimedKey(attributes: ReadonlyMap<string, unknown>): string | undefined {
  const source: Input = Object.fromEntries(["pk", "sk"].map((name) => [name, attributes.get(name)]));
  return canonicalKey(source, schema);
}

async function everyItem(): Promise<Map<string, string>> {
  const reply = await call<{ Items: Item[] }>(url, "Scan", { TableName, ConsistentRead: true });
  const items = new Map<string, string>();
  for (const item of reply.body.Items)
    items.set(itemKey(item, schema)!, JSON.stringify(Object.entries(item).sort()));
  return items;
}

async function put(Item: Item): Promise<void> {
  const reply = await call(url, "PutItem", { TableName, Item });
  expect(reply.status).toBe(200);
}

/** Statement text, and in its places the parameters. */
type Piece = string | Readonly<Record<string, string>>;
type Pieces = readonly Piece[];

function statement(): fc.Arbitrary<Pieces> {
  const blank = fc.constantFrom(
    " ",
    " ",
    " ",
    "\n",
    "\t ",
    " /* pk='b' AND */ ",
    " -- AND sk=2\n",
    " -- '\r\n",
  );
  const table = fc.constantFrom('"TABLE"', '"TABLE"', '"TABLE"', "TABLE", "'TABLE'");
  const returning = fc.constantFrom(
    "",
    "",
    "",
    " RETURNING ALL OLD *",
    " returning modified new *",
    ";",
    " -- ?",
  );
  const update = fc
    .tuple(
      keyword("UPDATE"),
      blank,
      table,
      blank,
      change(),
      blank,
      keyword("WHERE"),
      blank,
      condition(),
      returning,
    )
    .map((parts) => parts.flat());
  const deletion = fc
    .tuple(
      keyword("DELETE"),
      blank,
      keyword("FROM"),
      blank,
      table,
      blank,
      keyword("WHERE"),
      blank,
      condition(),
      returning,
    )
    .map((parts) => parts.flat());
  const insert = fc
    .tuple(keyword("INSERT"), blank, keyword("INTO"), blank, table, blank, keyword("VALUE"), blank, members())
    .map((parts) => parts.flat());
  const select = condition().map((where) => ['SELECT * FROM "TABLE" WHERE ', ...where]);
  return fc.oneof(
    { weight: 10, arbitrary: update },
    { weight: 3, arbitrary: deletion },
    { weight: 8, arbitrary: insert },
    { weight: 1, arbitrary: select },
  );
}

function keyword(text: string): fc.Arbitrary<string> {
  return fc.constantFrom(text, text, text.toLowerCase());
}

const text = fc.constantFrom("a", "b", "it's");
const number = fc.constantFrom("1", "2", "10");

/** A string or number as literal in one of its spellings, or as parameter. */
const textValue: fc.Arbitrary<Piece> = text.chain((S) =>
  fc.constantFrom<Piece>(`'${S.replaceAll("'", "''")}'`, { S }),
);
const numberValue: fc.Arbitrary<Piece> = number.chain((N) =>
  fc.constantFrom<Piece>(N, `${N}.0`, `+${N}`, `0${N}`, `${N}0e-1`, `- -${N}`, { N }, { N: `${N}.0` }),
);

function equality(name: string, value: fc.Arbitrary<Piece>): fc.Arbitrary<Pieces> {
  const written = fc.constantFrom(name, `"${name}"`);
  return fc
    .tuple(written, value, fc.constantFrom("plain", "plain", "plain", "reversed", "wrapped", "true"))
    .map(([left, right, form]): Pieces => {
      if (form === "reversed") return [right, " = ", left];
      if (form === "wrapped") return ["(", left, "=", right, ")"];
      return form === "true" ? [left, " = ", right, " = true"] : [left, "=", right];
    });
}

/** What stands beside the key's equalities; much of it is true, some misleads, some is refused. */
const beside: fc.Arbitrary<Pieces> = fc.oneof(
  fc
    .constantFrom(
      "attribute_exists(pk)",
      "size(pk) > 0",
      "v <> 'AND pk=''b'' AND sk=2'",
      "begins_with(v, '')",
    )
    .map(one),
  fc
    .constantFrom("NOT v='none'", "NOT (pk='b' AND sk=2)", "v IS NOT MISSING", "sk BETWEEN 0 AND 100")
    .map(one),
  fc
    .constantFrom("sk BETWEEN 0 AND sk", "v BETWEEN '' AND pk='b'", "(pk='b' OR sk > 0)", "sk IN [1, 2, 10]")
    .map(one),
  fc
    .constantFrom("(pk='b' AND sk=2 OR sk > 0)", "pk='b'", "sk=2", "v=pk", "m.pk='b'", "pk = 'b' = false")
    .map(one),
  fc.tuple(fc.constant("v <> "), textValue),
  fc.tuple(fc.constant("(v <> "), textValue, fc.constant(" OR pk <> "), textValue, fc.constant(")")),
);

function condition(): fc.Arbitrary<Pieces> {
  const equalities = fc.tuple(equality("pk", textValue), equality("sk", numberValue));
  const and = fc.constantFrom(
    " AND ",
    " AND ",
    "\nand ",
    " AND /* OR */ ",
    " AND ",
    " AND ",
    " AND ",
    " OR ",
  );
  return fc
    .tuple(
      equalities,
      fc.array(beside, { maxLength: 2 }),
      and,
      fc.constantFrom("none", "none", "all", "rear"),
      fc.nat(),
    )
    .map(([keys, others, joint, group, order]) => {
      const parts = [...keys, ...others];
      const at = order % parts.length;
      const turned = [...parts.slice(at), ...parts.slice(0, at)];
      const joined = turned.flatMap((part, index) => (index === 0 ? part : [joint, ...part]));
      if (group === "all") return ["(", ...joined, ")"];
      if (group === "none" || turned.length < 3) return joined;
      const [first = [], ...rest] = turned;
      return [
        ...first,
        joint,
        "(",
        ...rest.flatMap((part, index) => (index === 0 ? part : [joint, ...part])),
        ")",
      ];
    });
}

/** SET and REMOVE clauses; every one leaves the item different. */
function change(): fc.Arbitrary<Pieces> {
  const fresh = fc.constant(undefined).map(() => {
    writes += 1;
    return `w${writes}`;
  });
  return fresh.chain((S) =>
    fc.constantFrom<Pieces>(
      [`SET v='${S}'`],
      ["SET v=", { S }],
      ["SET v=", { S }, ", w=", { S }],
      ["SET w=", { N: "1" }, " SET v=", { S }],
      [`SET v='${S} WHERE pk=''b'' --', "where"='x'`],
      ["SET v=", { S }, " REMOVE w"],
      [`SET v=list_append(['${S}'], ['WHERE'])`],
    ),
  );
}

/** The members of an INSERT, of an item that is mostly not there yet. */
function members(): fc.Arbitrary<Pieces> {
  const pk = fc.tuple(fc.constant("'pk':"), fc.oneof(textValue, fresh()));
  const sk = fc.tuple(
    fc.constant("'sk' : "),
    fc.oneof(numberValue, fc.constantFrom<Piece>("-3", "+ 4.5", "(5)")),
  );
  const other = fc.constantFrom<Pieces>(
    ["'v':{'pk':'b','sk':2}"],
    ["'l':[", { S: "pk" }, ",'x']"],
    ["'s':<<1,2>>"],
    ["'t':true"],
    ["'pk':'b'"],
    ["'w':", { S: "x" }],
  );
  return fc
    .tuple(pk, sk, fc.array(other, { maxLength: 2 }), fc.boolean())
    .map(([first, second, others, turned]) => {
      const parts: Pieces[] = turned ? [...others, second, first] : [first, second, ...others];
      return ["{", ...parts.flatMap((part, index) => (index === 0 ? part : [", ", ...part])), "}"];
    });
}

function fresh(): fc.Arbitrary<Piece> {
  return fc.constantFrom("c", "d", "-- x", "/*", "a' AND 'b").map((S) => `'${S.replaceAll("'", "''")}'`);
}

function one(piece: string): Pieces {
  return [piece];
}
