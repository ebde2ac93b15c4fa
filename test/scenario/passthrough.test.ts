// What callers see that is no answer of DynamoDB: our own errors in its shape, the health line, what is no request of it.

import { once } from "node:events";
import { connect } from "node:net";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Reply, statusOf, until, useBench } from "../support/bench.ts";
import { startProxy } from "../support/proxy.ts";
import { call, errorName } from "../support/raw-client.ts";
import { startScriptedUpstream } from "../support/scripted-upstream.ts";

const bench = useBench();
const { P, D, p, d } = bench;

const SIGNED = (region: string) =>
  `AWS4-HMAC-SHA256 Credential=AKID/20260101/${region}/dynamodb/aws4_request, SignedHeaders=host, Signature=0`;

function checkFrame(reply: Reply): void {
  expect(reply.headers["x-amz-crc32"]).toBe(String(crc32(reply.bytes)));
  expect(reply.headers["x-amzn-requestid"]).toMatch(/^[A-Za-z0-9-]{8,}$/);
  expect(Date.parse(String(reply.headers.date))).not.toBeNaN();
}

/** An error in DynamoDB's own form: __type with a namespace, and a message. */
function checkError(reply: Reply, status: number, name: string): void {
  checkFrame(reply);
  expect([reply.status, errorName(reply)]).toEqual([status, name]);
  expect(reply.body.__type).toMatch(/^com\.[a-z0-9.]+#[A-Za-z]+$/);
  expect(reply.body.message ?? reply.body.Message).toMatch(/\w/);
  expect(reply.headers["content-type"]).toBe("application/x-amz-json-1.0");
}

describe("errors in DynamoDB's shape", () => {
  it("an unknown target, a missing one, one of another service", async () => {
    checkError(await P("Frobnicate", {}), 400, "UnknownOperationException");
    const headers = { "x-amz-target": undefined };
    checkError(await P("", {}, { headers }), 400, "UnknownOperationException");
    const streams = { targetPrefix: "DynamoDBStreams_20120810" };
    checkError(await P("GetItem", {}, streams), 400, "UnknownOperationException");
    const prototype = { headers: { "x-amz-target": "DynamoDB_20120810.__proto__" } };
    checkError(await P("", {}, prototype), 400, "UnknownOperationException");
    expect(bench.upstream.count()).toBe(0);
  });

  it("a request signed for another region", async () => {
    const elsewhere = { headers: { authorization: SIGNED("eu-west-1") } };
    const reply = await P("ListTables", {}, elsewhere);
    checkError(reply, 400, "InvalidSignatureException");
    expect(reply.body.message).toContain("eu-west-1");
    expect(bench.upstream.count()).toBe(0);
    const here = { headers: { authorization: SIGNED("us-east-1") } };
    expect((await P("ListTables", {}, here)).status).toBe(200);
    expect((await P("ListTables", {}, { headers: { authorization: undefined } })).status).toBe(200);
  });

  it("a Host header that is no loopback name", async () => {
    for (const host of ["evil.example", "evil.example:8100", "127.0.0.1.evil.example", "169.254.169.254"]) {
      const reply = await P("ListTables", {}, { headers: { host } });
      checkError(reply, 400, "AccessDeniedException");
    }
    expect(bench.upstream.count()).toBe(0);
    for (const host of ["localhost", "localhost:1234", "127.0.0.1", "[::1]:99"]) {
      expect((await P("ListTables", {}, { headers: { host } })).status, host).toBe(200);
    }
  });

  it("malformed JSON and wrong types get DynamoDB's own answer", async () => {
    const TableName = await bench.table();
    await p("GetItem", { TableName, Key: { pk: { S: "1" } } });
    for (const [operation, body] of [
      ["GetItem", "[]"],
      ["GetItem", '"text"'],
      ["GetItem", `{"TableName":"${TableName}","Key":[]}`],
      ["GetItem", `{"TableName":17,"Key":{"pk":{"S":"1"}}}`],
      ["GetItem", `{"TableName":"${TableName}","Key":{"pk":{"N":"1"}}}`],
      ["GetItem", `{"TableName":"${TableName}","Key":{"pk":{"S":1}}}`],
      ["GetItem", `{"TableName":"${TableName}","Key":{"pk":{"S":"1"}},"ConsistentRead":"x"}`],
      ["Query", `{"TableName":"${TableName}","KeyConditionExpression":[]}`],
      ["Scan", `{"TableName":"${TableName}","Limit":"x"}`],
      ["BatchGetItem", `{"RequestItems":[]}`],
      ["BatchGetItem", `{"RequestItems":{"${TableName}":{"Keys":{}}}}`],
      ["TransactGetItems", `{"TransactItems":[{"Get":7}]}`],
      ["PutItem", `{"TableName":"${TableName}","Item":7}`],
      ["PutItem", `{"TableName":"${TableName}","Item":{"pk":{"S":1}}}`],
      ["UpdateItem", `{"TableName":"${TableName}","Key":{"pk":{"S":"1"}},"UpdateExpression":7}`],
      ["BatchWriteItem", `{"RequestItems":{"${TableName}":7}}`],
      ["TransactWriteItems", `{"TransactItems":7}`],
      ["ExecuteStatement", `{"Statement":7}`],
      ["CreateTable", `{"TableName":7}`],
    ] as const) {
      const [reply, own] = [await P(operation, body), await D(operation, body)];
      expect(reply.status, body).toBe(own.status);
      expect(reply.bytes.toString(), body).toBe(own.bytes.toString());
      checkFrame(reply);
    }
  });

  it("a write that names a member twice is refused: parsers differ in which one counts", async () => {
    const TableName = await bench.table();
    const put = `{"TableName":"${TableName}","Item":{"pk":{"S":"1"},"pk":{"S":"2"}}}`;
    checkError(await P("PutItem", put), 400, "SerializationException");
    const escaped = `{"TableName":"${TableName}","Key":{"pk":{"S":"1"}},"\\u004bey":{"pk":{"S":"2"}}}`;
    checkError(await P("DeleteItem", escaped), 400, "SerializationException");
    expect(bench.upstream.count((one) => /PutItem|DeleteItem/.test(one.operation))).toBe(0);
  });

  it("a write that DynamoDB can read and we cannot leaves nothing stale", async () => {
    const TableName = await bench.table();
    const Key = { pk: { S: "1" } };
    const text = JSON.stringify({ TableName, Item: { ...Key, v: { S: "new" } } });
    const spellings = {
      "text behind it": Buffer.from(`${text} and more`),
      "a byte order mark": Buffer.from(`\ufeff${text}`),
      "UTF-16": Buffer.from(text, "utf16le"),
      "overlong UTF-8": Buffer.concat([
        Buffer.from(text.slice(0, -5)),
        Buffer.from([0xc0, 0x80]),
        Buffer.from(text.slice(-5)),
      ]),
    };
    for (const [what, body] of Object.entries(spellings)) {
      await p("PutItem", { TableName, Item: { ...Key, v: { S: "old" } } });
      await p("GetItem", { TableName, Key });
      await call(bench.proxy.url, "PutItem", body);
      const own = await d("GetItem", { TableName, Key, ConsistentRead: true });
      expect((await p("GetItem", { TableName, Key })).body, what).toEqual(own.body);
    }
  });

  it("a strong read that names a member twice teaches nothing: its answer may be of another item", async () => {
    const keySchema = [{ AttributeName: "pk", KeyType: "HASH" }];
    const scripted = await startScriptedUpstream({
      DescribeTable: () => ({
        Table: {
          TableName: "T",
          TableStatus: "ACTIVE",
          KeySchema: keySchema,
          AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
        },
      }),
      // A parser that takes the first of two.
      GetItem: ({ bytes }) => ({ Item: { pk: { S: /"S":"(\d)"/.exec(bytes.toString())?.[1] } } }),
      TransactGetItems: () => ({ Responses: [{ Item: { pk: { S: "1" } } }] }),
    });
    const proxy = await startProxy({ upstreamUrl: scripted.url });
    try {
      const twice = '"Key":{"pk":{"S":"1"}},"Key":{"pk":{"S":"2"}}';
      await call(proxy.url, "GetItem", `{"TableName":"T",${twice},"ConsistentRead":true}`);
      await call(proxy.url, "TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"T",${twice}}}]}`);
      const two = await call(proxy.url, "GetItem", { TableName: "T", Key: { pk: { S: "2" } } });
      expect(two.body).toEqual({ Item: { pk: { S: "2" } } });
    } finally {
      await proxy.stop();
      await scripted.close();
    }
  });

  it("a body over 16 MiB", async () => {
    const body = Buffer.alloc(16 * 1024 * 1024 + 1, " ");
    const reply = await P("PutItem", body as never);
    expect(reply.status).toBe(413);
    checkFrame(reply);
    expect(bench.upstream.count()).toBe(0);
    // One of exactly 16 MiB is let through to DynamoDB.
    const largest = Buffer.concat([Buffer.from("{}"), body.subarray(3)]);
    expect((await P("ListTables", largest as never)).status).toBe(200);
  });

  it("too many requests in flight", async () => {
    const proxy = await startProxy({ upstream: bench.upstream, settings: { inFlightMax: 2 } });
    try {
      const hold = bench.upstream.hold("ListTables", "before");
      const waiting = [call(proxy.url, "ListTables", {}), call(proxy.url, "ListTables", {})];
      await until(
        () => statusOf(proxy),
        (status) => status.requestsInFlight === 2,
      );
      checkError(await call(proxy.url, "ListTables", {}), 400, "ThrottlingException");
      hold.release();
      for (const reply of await Promise.all(waiting)) expect(reply.status).toBe(200);
      expect((await call(proxy.url, "ListTables", {})).status).toBe(200);
    } finally {
      await proxy.stop();
    }
  });
});

describe("what is no call of DynamoDB", () => {
  it("GET / is the health line, whatever the Host", async () => {
    const reply = await P("", "", { method: "GET", headers: { "content-length": undefined } });
    expect(reply.status).toBe(200);
    expect(reply.bytes.toString()).toBe("healthy: dynamodb.us-east-1.amazonaws.com ");
    checkFrame(reply);
  });

  it("bodies in chunks, and callers who ask before they send (Expect: 100-continue)", async () => {
    const TableName = await bench.table();
    const chunked = { headers: { "content-length": undefined, "transfer-encoding": "chunked" } };
    const Item = { pk: { S: "1" }, v: { S: "x".repeat(200_000) } };
    expect((await P("PutItem", { TableName, Item }, chunked)).status).toBe(200);
    const asking = { headers: { expect: "100-continue" } };
    const reply = await P("GetItem", { TableName, Key: { pk: { S: "1" } } }, asking);
    expect([reply.status, reply.body]).toEqual([200, { Item }]);
  });

  it("other paths, methods and content types are 404", async () => {
    for (const options of [
      { path: "/other" },
      { method: "PUT" },
      { method: "DELETE" },
      { headers: { "content-type": "text/plain" } },
      { headers: { "content-type": undefined } },
    ]) {
      const reply = await P("ListTables", {}, options);
      expect(reply.status, JSON.stringify(options)).toBe(404);
      checkFrame(reply);
    }
    expect(bench.upstream.count()).toBe(0);
  });

  it("a client that speaks no HTTP, or stops in the middle, does no harm", async () => {
    const { hostname, port } = new URL(bench.proxy.url);
    for (const text of [
      "\x16\x03\x01 hello\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    ]) {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => {});
      await once(socket, "connect");
      socket.write(text);
      socket.end();
      socket.resume();
      await once(socket, "close");
    }
    expect((await p("ListTables", {})).status).toBe(200);
  });
});
