// Big answers, slow callers, idle connections.

import { once } from "node:events";
import { Agent } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { cacheOf, until, useBench } from "../support/bench.ts";
import { HASH_RANGE } from "../support/tables.ts";

const bench = useBench();
const { P, p, d } = bench;

describe("big answers", () => {
  it("an item of 400 KB and pages of 1 MB are stored, and are DynamoDB's own", async () => {
    const TableName = await bench.table(HASH_RANGE);
    const blob = { B: Buffer.alloc(150_000, 0xa5).toString("base64") };
    const items = ["a", "b", "c", "d"].map((sk) => ({
      pk: { S: "1" },
      sk: { S: sk },
      text: { S: "ß€😀".repeat(26_000) },
      blob,
    }));
    for (const Item of items) await p("PutItem", { TableName, Item });
    const Key = { pk: { S: "1" }, sk: { S: "a" } };
    const written = await p("GetItem", { TableName, Key });
    expect(cacheOf(written)).toBe("hit; tier=memory");
    expect(written.body).toEqual((await d("GetItem", { TableName, Key })).body);
    const query = {
      TableName,
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: "1" } },
    };
    for (const outcome of ["miss", "hit"]) {
      const first = await p("Query", query);
      const rest = await p("Query", { ...query, ExclusiveStartKey: first.body.LastEvaluatedKey });
      expect(cacheOf(first).split(";")[0]).toBe(outcome);
      expect(cacheOf(rest).split(";")[0]).toBe(outcome);
      expect(first.bytes.byteLength).toBeGreaterThan(1_000_000);
      expect([...first.body.Items, ...rest.body.Items]).toEqual(items);
    }
    const Keys = items.map(({ pk, sk }) => ({ pk, sk }));
    const batch = await p("BatchGetItem", { RequestItems: { [TableName]: { Keys } } });
    expect(cacheOf(batch)).toBe("hit; tier=memory; items=4/4");
    expect(batch.body.Responses[TableName]).toHaveLength(4);
  });

  it("an item that DynamoDB holds too big is refused and not stored", async () => {
    const TableName = await bench.table(HASH_RANGE);
    const Key = { pk: { S: "1" }, sk: { S: "a" } };
    const Item = { ...Key, text: { S: "x".repeat(410 * 1024) } };
    expect((await P("PutItem", { TableName, Item })).status).toBe(400);
    expect((await p("GetItem", { TableName, Key })).body).toEqual({});
  });
});

describe("callers", () => {
  it("one that does not read its answers holds up nobody else", async () => {
    const TableName = await bench.table(HASH_RANGE);
    const text = { S: "x".repeat(300_000) };
    for (const sk of ["a", "b", "c"])
      await d("PutItem", { TableName, Item: { pk: { S: "1" }, sk: { S: sk }, text } });
    await p("Scan", { TableName });
    const body = JSON.stringify({ TableName });
    const request =
      "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n" +
      `X-Amz-Target: DynamoDB_20120810.Scan\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const { hostname, port } = new URL(bench.proxy.url);
    const slow = connect(Number(port), hostname);
    slow.pause();
    await once(slow, "connect");
    // Twenty megabytes of answers, far more than the sockets' buffers take.
    slow.write(request.repeat(20));
    for (let i = 0; i < 50; i++) {
      const reply = await p("GetItem", { TableName, Key: { pk: { S: "1" }, sk: { S: "a" } } });
      expect(reply.body.Item.text).toEqual(text);
    }
    // And it gets all of them when it reads at last.
    let received = 0;
    slow.on("data", (chunk: Buffer) => {
      received += chunk.byteLength;
    });
    slow.resume();
    await until(
      () => received,
      (bytes) => bytes > 20 * 900_000,
    );
    slow.destroy();
  });

  it("one that leaves does not take the answer from the others who wait for it", async () => {
    const TableName = await bench.table(HASH_RANGE);
    const Key = { pk: { S: "1" }, sk: { S: "a" } };
    await d("PutItem", { TableName, Item: Key });
    await p("GetItem", { TableName, Key: { ...Key, sk: { S: "other" } } });
    bench.upstream.reset();
    const hold = bench.upstream.hold("GetItem", "before");
    const leaving = new AbortController();
    const left = P("GetItem", { TableName, Key }, { signal: leaving.signal }).catch(() => "left");
    await hold.arrived;
    const stays = P("GetItem", { TableName, Key });
    const metric = async () => (await (await fetch(`${bench.proxy.adminUrl}/metrics`)).text()).split("\n");
    await until(metric, (lines) => lines.some((line) => /^dynatier_waiting_callers\S* 2$/.test(line)));
    leaving.abort();
    expect(await left).toBe("left");
    await until(metric, (lines) => lines.some((line) => /^dynatier_waiting_callers\S* 1$/.test(line)));
    hold.release();
    expect((await stays).body).toEqual({ Item: Key });
    expect(bench.upstream.count("GetItem")).toBe(1);
  });

  it("a write is carried out and learned though its caller left", async () => {
    const TableName = await bench.table();
    const Key = { pk: { S: "1" } };
    await p("GetItem", { TableName, Key });
    const hold = bench.upstream.hold("PutItem", "before");
    const leaving = new AbortController();
    const Item = { ...Key, v: { S: "new" } };
    const left = P("PutItem", { TableName, Item }, { signal: leaving.signal }).catch(() => "left");
    await hold.arrived;
    leaving.abort();
    expect(await left).toBe("left");
    hold.release();
    await until(
      () => d("GetItem", { TableName, Key, ConsistentRead: true }),
      (reply) => "Item" in reply.body,
    );
    const after = await until(
      () => p("GetItem", { TableName, Key }),
      (reply) => "Item" in reply.body,
    );
    expect(after.body).toEqual({ Item });
  });

  it("an idle connection is used again, longer than Node would keep it", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: 60_000 });
    const ports: unknown[] = [];
    agent.on("free", (socket) => ports.push(socket.localPort));
    const first = await P("ListTables", {}, { agent });
    expect(first.headers["keep-alive"]).toBe("timeout=125");
    await sleep(6500); // Node's own keepAliveTimeout is 5 s, and one second grace.
    await P("ListTables", {}, { agent });
    expect(ports).toHaveLength(2);
    expect(new Set(ports).size).toBe(1);
    agent.destroy();
  });
});

describe("a short keep-alive", () => {
  const brief = useBench({ settings: { keepAliveMs: 1000 } });

  it("an idle connection is closed after keepAliveMs, and not before", async () => {
    const { hostname, port } = new URL(brief.proxy.url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    const closed = once(socket, "close");
    socket.resume();
    for (let i = 0; i < 3; i++) {
      socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await sleep(300);
      expect(socket.readyState).toBe("open");
    }
    await closed;
    expect(socket.bytesRead).toBeGreaterThan(0);
  });
});
