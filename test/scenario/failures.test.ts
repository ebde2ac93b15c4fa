// Upstream dies, answers late or not at all, and comes back: cached reads go on, nothing false is stored. With
// conformance behaviour 46 (its serve-stale part is not built yet).

import { describe, expect, it } from "vitest";
import { cacheOf, type Reply, until, useBench } from "../support/bench.ts";
import { errorName } from "../support/raw-client.ts";

const UNKNOWN_OUTCOME_MS = 1500;
const Key = { pk: { S: "1" } };
const item = (v: string, pk = "1") => ({ pk: { S: pk }, v: { S: v } });
const query = (TableName: string) => ({
  TableName,
  KeyConditionExpression: "pk = :pk",
  ExpressionAttributeValues: { ":pk": Key.pk },
});

describe("upstream is down", () => {
  const bench = useBench({ settings: { requestTimeoutMs: 5000, unknownOutcomeMs: 500 } });
  const { P, p, d } = bench;
  const refusedWrites = (TableName: string) =>
    [
      ["PutItem", { TableName, Item: item("lost") }],
      ["UpdateItem", { TableName, Key }],
      ["DeleteItem", { TableName, Key }],
      ["BatchWriteItem", { RequestItems: { [TableName]: [{ PutRequest: { Item: item("lost") } }] } }],
      ["TransactWriteItems", { TransactItems: [{ Put: { TableName, Item: item("lost") } }] }],
      ["ExecuteStatement", { Statement: `DELETE FROM "${TableName}" WHERE pk = '1'` }],
    ] as const;

  it("46 cached reads go on, writes fail fast, nothing false is cached", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("kept") });
    const batch = { RequestItems: { [TableName]: { Keys: [Key] } } };
    for (let i = 0; i < 2; i++) {
      await p("GetItem", { TableName, Key });
      await p("Query", query(TableName));
      await p("GetItem", { TableName, Key: { pk: { S: "none" } } });
    }
    await bench.upstream.down();
    try {
      for (const [operation, input, outcome] of [
        ["GetItem", { TableName, Key }, "hit; tier=memory"],
        ["GetItem", { TableName, Key: { pk: { S: "none" } } }, "negative-hit; tier=memory"],
        ["Query", query(TableName), "hit; tier=memory"],
        ["BatchGetItem", batch, "hit; tier=memory; items=1/1"],
      ] as const) {
        const reply = await p(operation, input);
        expect(cacheOf(reply)).toBe(outcome);
      }
      for (const [operation, input] of [
        ["GetItem", { TableName, Key: { pk: { S: "2" } } }],
        ["GetItem", { TableName, Key, ConsistentRead: true }],
        ["BatchGetItem", { RequestItems: { [TableName]: { Keys: [Key, { pk: { S: "3" } }] } } }],
        ["Scan", { TableName }],
        ["ListTables", {}],
        ...refusedWrites(TableName),
      ] as const) {
        const reply = await P(operation, input);
        expectRetryable(reply, operation);
      }
      // A write that certainly was not carried out has changed nothing: the entry is still served.
      expect((await p("GetItem", { TableName, Key })).body).toEqual({ Item: item("kept") });
    } finally {
      await bench.upstream.up();
    }
    // It is back: what was asked in vain is not remembered as missing.
    await d("PutItem", { TableName, Item: item("there", "2") });
    const back = await until(
      () => P("GetItem", { TableName, Key: { pk: { S: "2" } } }),
      (reply) => reply.status === 200,
    );
    expect(back.body).toEqual({ Item: item("there", "2") });
    await p("PutItem", { TableName, Item: item("changed") });
    expect((await p("GetItem", { TableName, Key })).body).toEqual({ Item: item("changed") });
    expect((await p("Query", query(TableName))).body.Items).toEqual([item("changed")]);
  });

  it("a table that nobody asked for yet is refused while upstream is down, and served afterwards", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("a") });
    await bench.upstream.down();
    try {
      expectRetryable(await P("GetItem", { TableName, Key }), "GetItem");
      expectRetryable(await P("PutItem", { TableName, Item: item("b") }), "PutItem");
    } finally {
      await bench.upstream.up();
    }
    const served = await until(
      () => P("GetItem", { TableName, Key }),
      (reply) => reply.status === 200 && cacheOf(reply).startsWith("hit"),
    );
    expect(served.body).toEqual({ Item: item("a") });
  });

  it("it dies while reads and writes are under way", async () => {
    const TableName = await bench.table();
    for (const pk of ["1", "2"]) await d("PutItem", { TableName, Item: item("old", pk) });
    await p("GetItem", { TableName, Key });
    const hold = bench.upstream.hold((one) => /GetItem|PutItem/.test(one.operation), "after");
    const reading = P("GetItem", { TableName, Key: { pk: { S: "2" } } });
    const writing = P("PutItem", { TableName, Item: item("new") });
    await until(
      () => hold.waiting(),
      (count) => count === 2,
    );
    await bench.upstream.down();
    hold.release();
    expectRetryable(await reading, "GetItem");
    const written = await writing;
    // Its outcome is unknown: 500, and what was cached is forgotten.
    expect([written.status, errorName(written)]).toEqual([500, "InternalServerError"]);
    expectRetryable(await P("GetItem", { TableName, Key }), "GetItem");
    await bench.upstream.up();
    const after = await until(
      () => P("GetItem", { TableName, Key }),
      (reply) => reply.status === 200,
    );
    expect(after.body).toEqual((await d("GetItem", { TableName, Key, ConsistentRead: true })).body);
  });

  for (const how of ["end", "reset"] as const) {
    it(`sockets that died while idle (${how}) fail no read`, async () => {
      const TableName = await bench.table();
      await d("PutItem", { TableName, Item: item("a") });
      for (let round = 0; round < 20; round++) {
        // Several sockets, all of which die before the next read knows it.
        const keys = Array.from({ length: 5 }, (_, i) => ({ pk: { S: `${round}-${i}` } }));
        await Promise.all(keys.map((one) => p("GetItem", { TableName, Key: one })));
        expect(bench.upstream.closeIdleSockets(how)).toBeGreaterThan(0);
        const reads = keys.map((one) => P("GetItem", { TableName, Key: { pk: { S: `${one.pk.S}-again` } } }));
        for (const reply of await Promise.all(reads)) expect([reply.status, reply.body]).toEqual([200, {}]);
      }
    });
  }
});

describe("a write whose reply is lost", () => {
  const brief = useBench({ settings: { unknownOutcomeMs: UNKNOWN_OUTCOME_MS } });
  const hurried = useBench({ settings: { unknownOutcomeMs: 5000, requestTimeoutMs: 2000 } });
  const patient = useBench({ settings: { unknownOutcomeMs: 60_000 } });

  async function cached(bench: typeof brief): Promise<string> {
    const TableName = await bench.table();
    await bench.d("PutItem", { TableName, Item: item("old") });
    await bench.p("GetItem", { TableName, Key });
    await bench.p("Query", query(TableName));
    return TableName;
  }

  it("is an error, is not repeated, and nothing is stored while it may still land", async () => {
    const TableName = await cached(brief);
    const { P, p } = brief;
    brief.upstream.inject("PutItem", { drop: "after" });
    const lostAt = performance.now();
    const lost = await P("PutItem", { TableName, Item: item("new") });
    expect([lost.status, errorName(lost)]).toEqual([500, "InternalServerError"]);
    expect(brief.upstream.count("PutItem")).toBe(1);
    let asked = 0;
    for (;;) {
      const reply = await p("GetItem", { TableName, Key });
      const page = await p("Query", query(TableName));
      if (cacheOf(reply).startsWith("hit")) break;
      asked += 1;
      expect([reply.body, page.body.Items]).toEqual([{ Item: item("new") }, [item("new")]]);
      expect(brief.upstream.requests.at(-1)?.input).toMatchObject({ ConsistentRead: true });
    }
    expect(asked).toBeGreaterThan(0);
    expect(performance.now() - lostAt).toBeGreaterThanOrEqual(UNKNOWN_OUTCOME_MS);
  });

  it("lands late, after the deadline: reads before it are not stored", async () => {
    const TableName = await cached(hurried);
    const { P, p, d } = hurried;
    const hold = hurried.upstream.hold("PutItem", "before");
    const late = await P("PutItem", { TableName, Item: item("late") });
    expect([late.status, errorName(late)]).toEqual([500, "InternalServerError"]);
    for (let i = 0; i < 3; i++) {
      const reply = await p("GetItem", { TableName, Key });
      expect(reply.body).toEqual({ Item: item("old") });
      expect(cacheOf(reply)).toBe("miss; reason=unsettled");
    }
    hold.release();
    await until(
      () => d("GetItem", { TableName, Key, ConsistentRead: true }),
      (reply) => reply.body.Item.v.S === "late",
    );
    for (let i = 0; i < 3; i++)
      expect((await p("GetItem", { TableName, Key })).body).toEqual({ Item: item("late") });
    const stored = await until(
      () => p("GetItem", { TableName, Key }),
      (reply) => cacheOf(reply).startsWith("hit"),
    );
    expect(stored.body).toEqual({ Item: item("late") });
  });

  it("a later write that succeeds does not end the wait for the lost one", async () => {
    const TableName = await cached(patient);
    const { P, p } = patient;
    patient.upstream.inject("PutItem", { drop: "after", times: 1 });
    await P("PutItem", { TableName, Item: item("lost") });
    await p("PutItem", { TableName, Item: item("second") });
    const reply = await p("GetItem", { TableName, Key });
    expect(reply.body).toEqual({ Item: item("second") });
    expect(cacheOf(reply)).toBe("miss; reason=unsettled");
  });
});

function expectRetryable(reply: Reply, what: string): void {
  expect([500, 503], what).toContain(reply.status);
  expect(["InternalServerError", "ServiceUnavailable"], what).toContain(errorName(reply));
  expect(reply.headers["content-type"]).toBe("application/x-amz-json-1.0");
}
