import { expect, test } from "vitest";
import { createRequestIds } from "../../../src/proxy/request-id.ts";

test("request ids have DynamoDB's form, none comes twice, and two processes' differ", () => {
  const [one, other] = [createRequestIds(), createRequestIds()];
  const ids = Array.from({ length: 40_000 }, one);
  for (const id of ids) expect(id).toMatch(/^[A-Z2-7]{52}$/);
  expect(new Set(ids).size).toBe(ids.length);
  expect(other().slice(0, 42)).not.toBe(ids[0]?.slice(0, 42));
});
