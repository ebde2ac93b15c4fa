// Conformance behaviours 23–28: transactions, and the races between reads and writes.

import { Agent } from "node:http";
import { describe, expect, it } from "vitest";
import { cacheOf, until, useBench } from "../support/bench.ts";
import { errorName } from "../support/raw-client.ts";

const bench = useBench();
const { P, D, p, d } = bench;

const key = (pk: string) => ({ pk: { S: pk } });
const item = (pk: string, v: string) => ({ ...key(pk), v: { S: v } });
const get = (TableName: string, pk: string) => p("GetItem", { TableName, Key: key(pk) });
const getStrongly = async (TableName: string, pk: string) =>
  (await d("GetItem", { TableName, Key: key(pk), ConsistentRead: true })).body;

async function cached(...keys: string[]): Promise<string> {
  const TableName = await bench.table();
  for (const pk of keys) {
    await d("PutItem", { TableName, Item: item(pk, "old") });
    await get(TableName, pk);
  }
  bench.upstream.reset();
  return TableName;
}

const actions = (TableName: string) => [
  { Put: { TableName, Item: item("put", "new") } },
  {
    Update: {
      TableName,
      Key: key("update"),
      UpdateExpression: "SET v = :v",
      ExpressionAttributeValues: { ":v": { S: "new" } },
    },
  },
  { Delete: { TableName, Key: key("delete") } },
];

describe("transactions", () => {
  it("23, 24 no read after the reply sees the time before the transaction", async () => {
    const TableName = await cached("put", "update", "delete");
    const reply = await p("TransactWriteItems", { TransactItems: actions(TableName) });
    expect(reply.body).toEqual({});
    // The reply waited for no read of ours.
    expect(bench.upstream.requests.map((one) => one.operation)).toEqual(["TransactWriteItems"]);
    expect((await get(TableName, "put")).body).toEqual({ Item: item("put", "new") });
    expect((await get(TableName, "update")).body).toEqual({ Item: item("update", "new") });
    expect((await get(TableName, "delete")).body).toEqual({});
    expect(cacheOf(await get(TableName, "update"))).toBe("hit; tier=memory");
  });

  it("25 a cancelled transaction: reasons in order, no entry changed, the connection goes on", async () => {
    const TableName = await cached("put", "update", "delete", "check");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const check = {
      ConditionCheck: {
        TableName,
        Key: key("check"),
        ConditionExpression: "v = :v",
        ExpressionAttributeValues: { ":v": { S: "not this" } },
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      },
    };
    const TransactItems = [...actions(TableName), check];
    const ports = new Set<unknown>();
    agent.on("free", (socket) => ports.add(socket.localPort));
    const reply = await P("TransactWriteItems", { TransactItems }, { agent });
    const own = await D("TransactWriteItems", { TransactItems });
    expect([reply.status, errorName(reply)]).toEqual([400, "TransactionCanceledException"]);
    expect(reply.body.CancellationReasons.map((one: { Code: string }) => one.Code)).toEqual([
      ..."None None None ConditionalCheckFailed".split(" "),
    ]);
    expect(reply.bytes.toString()).toBe(own.bytes.toString());
    for (const pk of ["put", "update", "delete", "check"]) {
      const after = await P("GetItem", { TableName, Key: key(pk) }, { agent });
      expect([after.body, cacheOf(after)]).toEqual([{ Item: item(pk, "old") }, "hit; tier=memory"]);
    }
    expect(ports.size).toBe(1);
    agent.destroy();
  });

  it("26 a repeated transaction keeps its token, and what came in between is not overwritten in the cache", async () => {
    const TableName = await cached("put");
    const TransactItems = [{ Put: { TableName, Item: item("put", "first") } }];
    const request = JSON.stringify({ TransactItems, ClientRequestToken: "token-of-26" });
    expect((await P("TransactWriteItems", request)).status).toBe(200);
    await d("PutItem", { TableName, Item: item("put", "second") });
    expect((await P("TransactWriteItems", request)).status).toBe(200);
    const sent = bench.upstream.requests.filter((one) => one.operation === "TransactWriteItems");
    expect(sent.map((one) => one.bytes.toString())).toEqual([request, request]);
    // The second one succeeded without writing.
    expect((await get(TableName, "put")).body).toEqual(await getStrongly(TableName, "put"));
    expect((await get(TableName, "put")).body).toEqual({ Item: item("put", "second") });
  });

  it("transactional reads go up, and later reads are not older than what they showed", async () => {
    const TableName = await cached("a", "b");
    for (const pk of ["a", "b"]) await d("PutItem", { TableName, Item: item(pk, "new") });
    const TransactItems = [
      { Get: { TableName, Key: key("a") } },
      { Get: { TableName, Key: key("b"), ProjectionExpression: "v" } },
      { Get: { TableName, Key: key("none") } },
    ];
    const [reply, own] = [
      await p("TransactGetItems", { TransactItems }),
      await d("TransactGetItems", { TransactItems }),
    ];
    expect(reply.bytes.toString()).toBe(own.bytes.toString());
    expect(cacheOf(reply)).toBe("pass; reason=transactional-read");
    for (const pk of ["a", "b"]) expect((await get(TableName, pk)).body).toEqual({ Item: item(pk, "new") });
    expect(cacheOf(await get(TableName, "none"))).toBe("negative-hit; tier=memory");
  });
});

describe("races", () => {
  it("27 a late reply with the old value is not stored", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("1", "old") });
    await p("GetItem", { TableName, Key: key("other") });
    const hold = bench.upstream.hold("GetItem", "after", 1);
    const late = get(TableName, "1");
    await hold.arrived;
    await p("PutItem", { TableName, Item: item("1", "new") });
    // A read that begins after the write must not join the one that began before it.
    expect((await get(TableName, "1")).body).toEqual({ Item: item("1", "new") });
    hold.release();
    expect((await late).body).toEqual({ Item: item("1", "old") });
    expect(cacheOf(await late)).toBe("miss; reason=stale-lease");
    for (let i = 0; i < 3; i++) {
      expect((await get(TableName, "1")).body).toEqual({ Item: item("1", "new") });
    }
  });

  it("27 nor is it given to a reader who came after the write", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("1", "old") });
    await p("GetItem", { TableName, Key: key("other") });
    const hold = bench.upstream.hold("GetItem", "after", 1);
    const late = get(TableName, "1");
    await hold.arrived;
    // A transaction's images are not stored, so that the next reader misses while the late read is still under way.
    await p("TransactWriteItems", { TransactItems: [{ Put: { TableName, Item: item("1", "new") } }] });
    const after = get(TableName, "1");
    await until(
      () => bench.upstream.count("GetItem"),
      (count) => count === 3,
    );
    expect((await after).body).toEqual({ Item: item("1", "new") });
    hold.release();
    expect((await late).body).toEqual({ Item: item("1", "old") });
    expect((await get(TableName, "1")).body).toEqual({ Item: item("1", "new") });
  });

  it("27 nor is a late batch, or a late query", async () => {
    const TableName = await bench.table();
    await d("PutItem", { TableName, Item: item("1", "old") });
    await p("GetItem", { TableName, Key: key("other") });
    const query = {
      TableName,
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: "1" } },
    };
    const batch = { RequestItems: { [TableName]: { Keys: [key("1")] } } };
    const holds = ["BatchGetItem", "Query", "Scan"].map((one) => bench.upstream.hold(one, "after", 1));
    const late = Promise.all([p("BatchGetItem", batch), p("Query", query), p("Scan", { TableName })]);
    await Promise.all(holds.map((hold) => hold.arrived));
    await p("PutItem", { TableName, Item: item("1", "new") });
    for (const hold of holds) hold.release();
    await late;
    const fresh = [item("1", "new")];
    for (let i = 0; i < 2; i++) {
      expect((await p("BatchGetItem", batch)).body.Responses[TableName]).toEqual(fresh);
      expect((await p("Query", query)).body.Items).toEqual(fresh);
      expect((await p("Scan", { TableName })).body.Items).toEqual(fresh);
    }
  });

  for (const order of [
    [0, 1],
    [1, 0],
  ] as const) {
    it(`28 two concurrent updates of one key, replies in the order ${order}`, async () => {
      const TableName = await cached("1");
      const update = (v: string) =>
        p("UpdateItem", {
          TableName,
          Key: key("1"),
          UpdateExpression: "SET v = :v",
          ExpressionAttributeValues: { ":v": { S: v } },
        });
      const holds = [0, 1].map((i) =>
        bench.upstream.hold((one) => JSON.stringify(one.input).includes(`"S":"writer ${i}"`), "after"),
      );
      const writers = [update("writer 0"), update("writer 1")];
      await Promise.all(holds.map((hold) => hold.arrived));
      for (const i of order) {
        holds[i]?.release();
        await writers[i];
      }
      const after = await get(TableName, "1");
      expect(after.body).toEqual(await getStrongly(TableName, "1"));
      expect((await get(TableName, "1")).body).toEqual(after.body);
    });
  }

  it("28 forty concurrent writers of one key through all write operations", async () => {
    const TableName = await cached("1");
    const write = (i: number) => {
      const Item = item("1", `writer ${i}`);
      const KeyOnly = key("1");
      if (i % 5 === 0) return P("PutItem", { TableName, Item });
      if (i % 5 === 1)
        return P("BatchWriteItem", { RequestItems: { [TableName]: [{ PutRequest: { Item } }] } });
      if (i % 5 === 2) return P("TransactWriteItems", { TransactItems: [{ Put: { TableName, Item } }] });
      if (i % 5 === 3) return P("DeleteItem", { TableName, Key: KeyOnly });
      const UpdateExpression = "SET v = :v";
      const ExpressionAttributeValues = { ":v": { S: `writer ${i}` } };
      return P("UpdateItem", { TableName, Key: KeyOnly, UpdateExpression, ExpressionAttributeValues });
    };
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => [write(i), P("GetItem", { TableName, Key: key("1") })]).flat(),
      );
      const after = await get(TableName, "1");
      expect(after.body).toEqual(await getStrongly(TableName, "1"));
      expect((await get(TableName, "1")).body).toEqual(after.body);
    }
  });
});
