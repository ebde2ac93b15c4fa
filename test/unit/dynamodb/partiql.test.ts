// What is read out of PartiQL statements: a table of statements, and where nothing may be claimed.

import { describe, expect, test } from "vitest";
import { statementEffect } from "../../../src/dynamodb/partiql.ts";

type Row = readonly [
  statement: string,
  attributes: Readonly<Record<string, unknown>>,
  parameters?: readonly unknown[],
];

const key = { pk: { S: "a" }, sk: { N: "1" } };

const inserts: readonly Row[] = [
  [`INSERT INTO "T" VALUE {'pk':'a','sk':1}`, key],
  [`insert into T value { 'pk' : 'a' , 'sk' : 1 } ;`, key],
  [`INSERT /* hi */ INTO T VALUE {'pk':'a', -- 'pk':'b'\n 'sk':1}`, key],
  [`INSERT INTO T VALUE {'pk':?,'x':[?,?],'sk':?}`, key, [{ S: "a" }, { S: "b" }, { S: "c" }, { N: "1" }]],
  [`INSERT INTO T VALUE {'pk':'it''s','sk':-1.50}`, { pk: { S: "it's" }, sk: { N: "-1.50" } }],
  [`INSERT INTO T VALUE {'pk':'a\\','sk':+.5e1}`, { pk: { S: "a\\" }, sk: { N: ".5e1" } }],
  [
    `INSERT INTO T VALUE {'pk':'a','b':true,'n':NULL}`,
    { pk: { S: "a" }, b: { BOOL: true }, n: { NULL: true } },
  ],
  [
    `INSERT INTO T VALUE {'pk':'a','m':{'pk':'b','sk':2},'l':[1,{'x':1}],'s':<<'a','b'>>}`,
    { pk: { S: "a" } },
  ],
  [`INSERT INTO T VALUE {'pk':'a','pk':'b','sk':1}`, { sk: { N: "1" } }],
  [`INSERT INTO T VALUE {'pk':('a'),'sk':1+0,'x':'a'||'b'}`, {}],
  [`INSERT INTO T VALUE {'pk':'a','sk':1e126}`, { pk: { S: "a" } }],
  [`INSERT INTO T VALUE {'pk':?,'sk':1}`, { sk: { N: "1" } }, [{ S: 1 }]],
  [`INSERT INTO T VALUE {}`, {}],
];

const conditions: readonly Row[] = [
  [`pk='a' AND sk=1`, key],
  [`"pk" = 'a' and "sk" = 1`, key],
  [`'a'=pk AND 1=sk`, key],
  [`sk=?/**/AND pk=?`, key, [{ N: "1" }, { S: "a" }]],
  [`(pk='a' AND sk=1)`, key],
  [`((pk='a')) AND (sk=1 AND (x='y'))`, { ...key, x: { S: "y" } }],
  [`pk='a' AND sk=1 AND (x='b' OR pk='b')`, key],
  [`pk='a' AND sk=1 AND (x='b' AND pk='b' OR y=2)`, key],
  [`pk='a' AND sk=1 AND attribute_exists(x) AND contains(x, 'AND pk=''b''')`, key],
  [`pk='a' AND attribute_exists(x) AND sk=1`, key],
  [`pk='a' AND sk=1 AND x IS NOT MISSING AND pk='b'`, key],
  [`pk='a' AND sk=1 AND x BETWEEN 1 AND pk='b'`, key],
  [`pk='a' AND sk=1 AND NOT pk='b' AND x=1`, key],
  [`pk='a' AND sk=1 AND CASE WHEN x=1 AND pk='b' THEN true ELSE false END`, key],
  [`pk='a' AND sk=1 AND x IN ['a', 'b']`, key],
  [`pk='a' AND sk=1 AND sk=1.0 AND x <> 'y' AND y >= 3 AND m.pk='z' AND l[0]='z'`, key],
  [`pk='a' AND sk=1 AND x=pk`, key],
  [`"a.b"='x' AND "c""d"='y'`, { "a.b": { S: "x" }, 'c"d': { S: "y" } }],
  [`"and"='x' AND "or"='y'`, { and: { S: "x" }, or: { S: "y" } }],
  [`pk='a' AND sk=1 -- AND pk='b'`, key],
  [`__proto__='a' AND constructor='b'`, JSON.parse('{"__proto__":{"S":"a"},"constructor":{"S":"b"}}')],
  [`pk='a' AND pk='b' AND sk=1`, { sk: { N: "1" } }],
  [`pk='a' AND pk='b' AND pk='a'`, {}],
  [`x BETWEEN 1 AND pk='a'`, {}],
  [`NOT pk='a' AND sk=1`, {}],
  [`NOT (pk='a') AND sk=1`, {}],
  [`pk='a' OR sk=1`, {}],
  [`pk='a' AND sk=1 OR pk='b' AND sk=2`, {}],
  [`(pk='a' OR pk='b')`, {}],
  [`pk='a'=true AND sk=1`, { sk: { N: "1" } }],
  [`pk=='a'`, {}],
  [`pk="a"`, {}],
  [`pk='a'||'b' AND sk=1-1 AND x=-y`, {}],
  [`pk=CAST('a' AS STRING)`, {}],
  [`T.pk='a' AND [pk]='a' AND (pk)='a'`, {}],
  [`pk IN ['a'] AND sk=1`, {}],
  [`pk='a' AND sk=?`, { pk: { S: "a" } }, [{ N: "1", S: "1" }]],
];

const notUnderstood: readonly (readonly unknown[])[] = [
  ...[[undefined], [null], [1], [""], [";"], ["--"], ["nonsense"], ["\u00a0SELECT * FROM T"]],
  ...[
    ["REPLACE INTO T VALUE {}"],
    ["FROM T WHERE pk='a' SET v=1"],
    ["(SELECT * FROM T)"],
    ["INSERT INTO T VALUE ?", [{}]],
  ],
  ...[["INSERT INTO T VALUE {'pk':'a'} RETURNING ALL OLD *"], ["INSERT INTO T VALUE {pk:'a'}"]],
  ...[
    [`INSERT INTO T VALUE {"pk":'a'}`],
    ["INSERT INTO T VALUE {'pk':'a',}"],
    ["INSERT INTO T << {'pk':'a'} >>"],
  ],
  ...[
    ["INSERT INTO T.x VALUE {'pk':'a'}"],
    ["INSERT INTO 'T' VALUE {'pk':'a'}"],
    ["INSERT INTO T VALUES {'pk':'a'}"],
  ],
  ...[
    ["UPDATE T AS t SET v=1 WHERE pk='a'"],
    ["UPDATE T WHERE pk='a' SET v=1"],
    ["UPDATE T SET v=1 WHERE pk='a' WHERE pk='b'"],
  ],
  ...[["UPDATE T SET v=SELECT x FROM T WHERE pk='a'"], ["UPDATE T SET v=1 RETURNING ALL OLD * WHERE pk='a'"]],
  ...[["DELETE FROM T.idx WHERE pk='a'"], ["DELETE FROM T t WHERE pk='a'"], ["DELETE T WHERE pk='a'"]],
  ...[
    ["DELETE FROM T WHERE pk='a"],
    [`DELETE FROM T WHERE "pk='a'`],
    ["DELETE FROM T WHERE (pk='a'"],
    ["DELETE FROM T WHERE pk='a')"],
  ],
  ...[
    ["DELETE FROM T WHERE (pk='a'] AND sk=1"],
    ["DELETE FROM T WHERE pk=`a`"],
    ["DELETE FROM T WHERE pk='a' AND sk=1d2"],
  ],
  ...[["DELETE FROM T WHERE pk='a' -- x\rAND sk=1"], ["DELETE FROM T WHERE pk='a' -- x\u2028AND sk=1"]],
  ...[["DELETE FROM T WHERE pk='a' /* /* */ AND sk=1 */"], ["DELETE FROM T WHERE pk='a' /* AND sk=1"]],
  ...[
    ["DELETE FROM T WHERE pk='a'; DELETE FROM T WHERE pk='b'"],
    ["SELECT * FROM T; DELETE FROM T"],
    ["SELECT * FROM T;;"],
  ],
  ...[
    ["DELETE FROM T WHERE pk=?"],
    ["DELETE FROM T WHERE pk=?", []],
    ["DELETE FROM T WHERE pk=?", [{ S: "a" }, { S: "b" }]],
  ],
  ...[
    ["DELETE FROM T WHERE pk='?'", [{ S: "a" }]],
    ["DELETE FROM T WHERE pk=?", { 0: { S: "a" }, length: 1 }],
  ],
  ...[
    ["DELETE FROM T WHERE pk='a'", null],
    ["EXISTS(DELETE FROM T)"],
    ["EXISTS(SELECT * FROM T) x"],
    ["EXISTS SELECT 1"],
  ],
  ...[
    [`DELETE FROM T WHERE pk='${"a".repeat(9000)}'`],
    [`DELETE FROM T WHERE ${"(".repeat(70)}pk='a'${")".repeat(70)}`],
  ],
];

describe("statementEffect", () => {
  test.each(inserts.map(named))("$text", ({ text: statement, attributes, parameters }) => {
    expect(writeOf(statement, parameters)).toEqual({
      verb: "insert",
      TableName: "T",
      attributes: ordered(attributes),
    });
  });

  test.each(conditions.map(named))("UPDATE and DELETE … WHERE $text", ({ text, attributes, parameters }) => {
    const expected = ordered(attributes);
    const deletion = `DELETE FROM T WHERE ${text}`;
    expect(writeOf(deletion, parameters)).toEqual({ verb: "delete", TableName: "T", attributes: expected });
    const set = `UPDATE "T" SET w = ?, v = 'WHERE pk=''b''' REMOVE u WHERE ${text}\nRETURNING ALL NEW *;`;
    const updated = writeOf(set, [{ S: "first" }, ...parameters]);
    expect(updated).toEqual({ verb: "update", TableName: "T", attributes: expected });
  });

  test.each(notUnderstood)("%j with %j may do anything", (statement, parameters) => {
    expect(statementEffect(statement, parameters)).toBeUndefined();
  });

  test.each([
    "SELECT * FROM T",
    `select a.b[0], count(*) from "T"."idx" where pk = 'DELETE' and begins_with(sk, 'x') order by sk desc;`,
    "EXISTS(SELECT * FROM T WHERE pk='a' AND sk=1)",
  ])("%s reads", (statement) => {
    expect(statementEffect(statement, undefined)).toEqual({ kind: "read" });
  });

  test("a table is named as written, by name or ARN", () => {
    const arn = "arn:aws:dynamodb:us-east-1:000000000000:table/T";
    expect(writeOf(`DELETE FROM "${arn}" WHERE pk='a'`)?.TableName).toBe(arn);
    expect(writeOf(`DELETE FROM "a-b.c" WHERE pk='a'`)?.TableName).toBe("a-b.c");
    expect(writeOf("UPDATE t_1 REMOVE x WHERE pk='a'")?.TableName).toBe("t_1");
  });

  test("a write without a condition names no item", () => {
    expect(writeOf("DELETE FROM T")).toEqual({ verb: "delete", TableName: "T", attributes: [] });
    expect(writeOf("UPDATE T SET v=1")).toEqual({ verb: "update", TableName: "T", attributes: [] });
  });
});

function writeOf(statement: string, parameters?: readonly unknown[]) {
  const effect = statementEffect(statement, parameters);
  if (effect?.kind !== "write") return undefined;
  const { verb, TableName } = effect;
  return { verb, TableName, attributes: [...effect.attributes].sort(byName) };
}

function named([text, attributes, parameters = []]: Row) {
  return { text, attributes, parameters };
}

function ordered(attributes: Readonly<Record<string, unknown>>): (readonly [string, unknown])[] {
  return Object.entries(attributes).sort(byName);
}

function byName(one: readonly [string, unknown], other: readonly [string, unknown]): number {
  return one[0] < other[0] ? -1 : 1;
}
