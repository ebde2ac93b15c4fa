// Expressions that are remembered by their spelling mean what they mean when they are parsed anew.

import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalRead } from "../../../src/dynamodb/canonical-read.ts";
import { proven } from "../../../src/dynamodb/expression/lexer.ts";
import { Placeholders } from "../../../src/dynamodb/expression/placeholders.ts";
import { planProjection } from "../../../src/dynamodb/expression/projection.ts";
import { Spellings } from "../../../src/dynamodb/expression/spellings.ts";
import type { Input } from "../../../src/dynamodb/model.ts";
import { meaning, request, spelling } from "./canonical-read-arbitraries.ts";
import { withIndexesSchema } from "./expression-fixtures.ts";

const expressions = ["KeyConditionExpression", "FilterExpression", "ProjectionExpression"];

/** The same request in a spelling that is too long to be remembered. */
function anew(input: Input): Input {
  const padded = expressions.flatMap((name) =>
    typeof input[name] === "string" ? [[name, input[name] + " ".repeat(1100)]] : [],
  );
  return { ...input, ...Object.fromEntries(padded) };
}

const names = fc.dictionary(
  fc.constantFrom("#a", "#b", "#0", "#s"),
  fc.constantFrom("pk", "x", "y", "a.b", "=1:#b", "", "m", "__proto__"),
  { maxKeys: 3 },
);
const words = fc.constantFrom(
  ..."#a #b #0 #s pk x y m . [0] , = < :v :w AND OR NOT ( ) begins_with IN".split(" "),
);
const soup = fc.array(words, { maxLength: 8 }).map((some) => some.join(" "));

test("random reads, understood or not", () => {
  let exact = 0;
  fc.assert(
    fc.property(meaning, spelling, (said, spelt) => {
      const input = request(said, spelt);
      const expected = canonicalRead(said.operation, anew(input), withIndexesSchema);
      if (expected.exact) exact += 1;
      for (const found of [1, 2].map(() => canonicalRead(said.operation, input, withIndexesSchema))) {
        expect([found.exact, found.partition]).toEqual([expected.exact, expected.partition]);
        if (expected.exact) expect(found.key).toBe(expected.key);
      }
    }),
    { numRuns: 3000 },
  );
  expect(exact).toBeGreaterThan(300);
});

test("the same expression with other names, with other values, and without them", () => {
  fc.assert(
    fc.property(soup, names, names, fc.boolean(), (expression, first, second, isNumber) => {
      for (const given of [first, second, {}]) {
        const input = {
          ...{ KeyConditionExpression: "pk = :p", FilterExpression: expression },
          ...(Object.keys(given).length > 0 && { ExpressionAttributeNames: given }),
          ExpressionAttributeValues: {
            ...{ ":p": { S: "a" }, ":v": isNumber ? { N: "1" } : { S: "1" } },
            ...(expression.includes(":w") && { ":w": { BOOL: true } }),
          },
        };
        const expected = canonicalRead("Query", anew(input), withIndexesSchema);
        const found = canonicalRead("Query", input, withIndexesSchema);
        expect(found.exact).toBe(expected.exact);
        if (expected.exact) expect(found.key).toBe(expected.key);
      }
    }),
    { numRuns: 3000 },
  );
});

test("projections with other names", () => {
  fc.assert(
    fc.property(soup, names, names, (ProjectionExpression, first, second) => {
      for (const given of [first, second, {}]) {
        const input = {
          ProjectionExpression,
          ...(Object.keys(given).length > 0 && { ExpressionAttributeNames: given }),
        };
        expect(planProjection(input, withIndexesSchema)).toEqual(
          planProjection(anew(input), withIndexesSchema),
        );
      }
    }),
    { numRuns: 3000 },
  );
});

test("a spelling is parsed once, also one that is not proven; a long one each time; no more than 1000 are kept", () => {
  const parsed: string[] = [];
  const spellings = new Spellings((expression, given) => {
    parsed.push(expression);
    return given.name("#a");
  });
  const ask = (expression: string, name: string | undefined) =>
    proven(() => {
      const given = name === undefined ? {} : { ExpressionAttributeNames: { "#a": name } };
      const placeholders = new Placeholders(given);
      const tree = spellings.parsed(expression, placeholders);
      placeholders.expectAllUsed();
      return tree;
    });
  for (const turn of [1, 2]) {
    expect(ask("one", "x"), `${turn}`).toBe("x");
    expect(ask("one", "y")).toBe("y");
    expect(ask("one", undefined)).toBeUndefined();
  }
  expect(parsed).toEqual(["one", "one", "one"]);
  const long = "l".repeat(1100);
  expect([ask(long, "x"), ask(long, "x")]).toEqual(["x", "x"]);
  expect(parsed.splice(0)).toHaveLength(5);
  for (let at = 0; at < 1000; at += 1) ask(`other ${at}`, "x");
  ask("one", "x");
  expect(parsed).toHaveLength(1001);
});
