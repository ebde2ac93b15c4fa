// canonicalRead against DynamoDB Local: what is exact is accepted there, and equal keys get equal answers.

import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { canonicalRead } from "../../../src/dynamodb/canonical-read.ts";
import { canonicalValue } from "../../../src/dynamodb/canonical-value.ts";
import type { AttributeValue, Input, Item } from "../../../src/dynamodb/model.ts";
import { call, mustCall } from "../../support/raw-client.ts";
import { testTables, WITH_INDEXES } from "../../support/tables.ts";
import { legacyRequest, meaning, request, spelling } from "./canonical-read-arbitraries.ts";
import type { Spelling } from "./canonical-read-speller.ts";
import { withIndexesSchema } from "./expression-fixtures.ts";

const url = inject("dynamoDbLocalUrl");
const tables = testTables(url);
let TableName = "";

beforeAll(async () => {
  TableName = await tables.create(WITH_INDEXES);
  for (let at = 0; at < 40; at += 1) await mustCall(url, "PutItem", { TableName, Item: item(at) });
});
afterAll(() => tables.deleteAll());

const letters = ["a", "b", "c"];
const shapes: readonly AttributeValue[] = [
  { S: "a" },
  { N: "1" },
  { N: "2.5" },
  { SS: ["a", "b"] },
  { NS: ["1", "2"] },
  { BOOL: true },
  { NULL: true },
  { B: "AQI=" },
  { S: "bc" },
];

function item(at: number): Item {
  const letter = (step: number) => ({ S: letters[Math.floor(at / step) % 3] ?? "a" });
  const x = shapes[at % shapes.length] ?? { S: "" };
  const y = shapes[(at * 5 + 2) % shapes.length] ?? { S: "" };
  return {
    ...{ pk: letter(1), sk: { N: String((at % 7) - 1) }, x, y, size: { N: String(at % 3) } },
    ...{ m: { M: { a: x, b: y } }, l: { L: [y, { M: { a: x } }] } },
    ...(at % 4 > 0 && { kind: letter(2), score: { N: String(at % 5) } }),
    ...(at % 3 > 0 && { owner: letter(4) }),
    ...(at % 5 > 0 && { rank: { N: String(at % 4) } }),
  };
}

interface Answer {
  readonly status: number;
  /** Everything but ConsumedCapacity in one text; the error's where there is one. */
  readonly text: string;
}

async function ask(operation: string, input: Input): Promise<Answer> {
  const reply = await call(url, operation, { TableName, ...input });
  if (reply.status !== 200) return { status: reply.status, text: reply.bytes.toString("utf8") };
  const { Items, Count, ScannedCount, LastEvaluatedKey } = reply.body;
  const items = Array.isArray(Items) ? Items.map((found) => canonicalValue({ M: found })) : null;
  const last = LastEvaluatedKey ? canonicalValue({ M: LastEvaluatedKey }) : null;
  return { status: 200, text: JSON.stringify([items, Count, ScannedCount, last]) };
}

/** The one verdict that an exact key leaves open: it hangs on the index' projection, which we do not know. */
function isProjectionVerdict(answer: Answer): boolean {
  return /does not project|its projection type is not ALL/.test(answer.text);
}

const plain: Spelling = {
  ...{ prefix: "p", space: " ", upper: false, parentheses: false, alwaysAlias: false },
  ...{ otherNumbers: false, reversed: false, explicitDefaults: false },
};

test("random requests in two spellings: exact ones are accepted, equal keys get equal answers", async () => {
  const answers = new Map<string, Answer>();
  const counts = { exact: 0, valid: 0, shared: 0, legacy: 0 };
  await fc.assert(
    fc.asyncProperty(meaning, spelling, async (what, how) => {
      const inputs = [request(what, plain), request(what, how)];
      const [first, second] = inputs.map((input) => canonicalRead(what.operation, input, withIndexesSchema));
      if (first?.exact) expect(second, JSON.stringify(inputs)).toEqual(first);
      const legacy = legacyRequest(what);
      if (legacy && first?.exact) {
        expect(canonicalRead(what.operation, legacy, withIndexesSchema), JSON.stringify(legacy)).toEqual(
          first,
        );
      }
      for (const input of legacy ? [...inputs, legacy] : inputs) {
        const { key, exact } = canonicalRead(what.operation, input, withIndexesSchema);
        const answer = await ask(what.operation, input);
        const asked = `${what.operation} ${JSON.stringify(input)} ${answer.text}`;
        if (exact && answer.status !== 200) expect(isProjectionVerdict(answer), asked).toBe(true);
        const earlier = answers.get(key);
        if (earlier?.status === 200 || answer.status === 200) {
          if (earlier) expect(answer.text, asked).toBe(earlier.text);
        }
        counts.exact += exact ? 1 : 0;
        counts.valid += answer.status === 200 ? 1 : 0;
        counts.legacy += exact && input === legacy ? 1 : 0;
        counts.shared += earlier ? 1 : 0;
        answers.set(key, answer);
      }
    }),
    { numRuns: 2_000 },
  );
  expect(counts.exact).toBeGreaterThan(800);
  expect(counts.legacy).toBeGreaterThan(50);
  // Little of what DynamoDB takes is left raw.
  expect(counts.exact).toBeGreaterThan(counts.valid * 0.8);
  expect(counts.shared).toBeGreaterThan(400);
}, 120_000);

test("requests with a few characters changed: exact ones are accepted, whatever became of them", async () => {
  const edit = fc.tuple(
    fc.constantFrom("KeyConditionExpression", "FilterExpression", "ProjectionExpression"),
    fc.nat(),
    fc.constantFrom(..."()[].,:#= <>&019axXp_-\"'é", "not ", "and ", " or ", "size", "[0]", ".a", "(", ")"),
    fc.integer({ min: 0, max: 2 }),
  );
  let exactAndEdited = 0;
  await fc.assert(
    fc.asyncProperty(meaning, fc.array(edit, { minLength: 1, maxLength: 2 }), async (what, edits) => {
      const input: Record<string, unknown> = { ...request(what, plain) };
      for (const [parameter, where, inserted, removed] of edits) {
        const text = input[parameter];
        if (typeof text !== "string") continue;
        const at = where % (text.length + 1);
        input[parameter] = text.slice(0, at) + inserted + text.slice(at + removed);
      }
      const { exact } = canonicalRead(what.operation, input, withIndexesSchema);
      if (!exact) return;
      exactAndEdited += 1;
      const answer = await ask(what.operation, input);
      if (answer.status !== 200)
        expect(isProjectionVerdict(answer), JSON.stringify([input, answer])).toBe(true);
    }),
    { numRuns: 20_000 },
  );
  expect(exactAndEdited).toBeGreaterThan(1_000);
}, 120_000);
