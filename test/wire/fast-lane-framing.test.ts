// Requests that have been used to make two HTTP parsers disagree, by name: a proxy with its fast lane and one without
// answer them alike, and close alike.

import { describe, expect, it } from "vitest";
import { useBench } from "../support/bench.ts";
import { RawSocket, rawRequest } from "../support/raw-socket.ts";

const laned = useBench();
const plain = useBench({ settings: { fastLane: false } });

const body = '{"Limit":1}';
const base = ["POST / HTTP/1.1", "Host: localhost", "X-Amz-Target: DynamoDB_20120810.ListTables"];
const type = "Content-Type: application/x-amz-json-1.0";
const bytes = (lines: readonly string[], content: string) => `${lines.join("\r\n")}\r\n\r\n${content}`;
/** ListTables with these header lines instead of a length. */
const having = (lines: readonly string[], content = body) => bytes([...base, type, ...lines], content);
const right = having([`Content-Length: ${body.length}`]);
const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const unexpected = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** What is sent, and the statuses that come back; "closed" at the end where the server closes. */
const cases: Readonly<Record<string, readonly [sent: string, heard: string]>> = {
  "a right one": [right, "200"],
  "CL.TE": [
    having(["Content-Length: 6", "Transfer-Encoding: chunked"], `0\r\n\r\n${unexpected}`),
    "400 closed",
  ],
  "TE.CL": [having(["Transfer-Encoding: chunked", "Content-Length: 4"], chunked), "400 closed"],
  "TE.TE, one hidden": [
    having(["Transfer-Encoding: chunked", "Transfer-Encoding: x"], chunked),
    "400 closed",
  ],
  "chunked alone": [having(["Transfer-Encoding: chunked"], chunked) + right, "200 200"],
  "two equal Content-Lengths": [having(["Content-Length: 11", "Content-Length: 11"]), "400 closed"],
  "two Content-Lengths": [having(["Content-Length: 11", "Content-Length: 5"]), "400 closed"],
  "a list as Content-Length": [having(["Content-Length: 11, 11"]), "400 closed"],
  "a signed Content-Length": [having(["Content-Length: +11"]), "400 closed"],
  "a negative Content-Length": [having(["Content-Length: -11"]), "400 closed"],
  "a hexadecimal Content-Length": [having(["Content-Length: 0xb"]), "400 closed"],
  "an overflowing Content-Length": [having(["Content-Length: 18446744073709551627"]), "400 closed"],
  "a Content-Length with zeros": [having(["Content-Length: 0011"]) + right, "200 200"],
  "a space before the colon": [having(["Content-Length : 11"]), "400 closed"],
  "a folded header": [having(["Content-Length: 11", "X-A: b", " folded"]), "400 closed"],
  "a bare CR in a value": [having(["X-A: b\rc", "Content-Length: 11"]), "400 closed"],
  "a bare LF as a line end": [right.replace("\r\nContent-Type", "\nContent-Type"), "400 closed"],
  "a bare CR as a line end": [right.replace("\r\nContent-Type", "\rContent-Type"), "400 closed"],
  "NUL in a value": [having(["X-A: \0", "Content-Length: 11"]), "400 closed"],
  "NUL in a name": [having(["X\0A: b", "Content-Length: 11"]), "400 closed"],
  "a header without a name": [having([": b", "Content-Length: 11"]), "400 closed"],
  "no Host": [right.replace("Host: localhost\r\n", ""), "400 closed"],
  "a head of 17 KB": [having([`X-A: ${"a".repeat(17_000)}`, "Content-Length: 11"]), "431 closed"],
  "a head of 12 KB": [having([`X-A: ${"a".repeat(12_000)}`, "Content-Length: 11"]) + right, "200 200"],
  "100 headers": [
    having([...Array.from({ length: 100 }, (_, at) => `X-${at}: a`), "Content-Length: 11"]),
    "200",
  ],
  "Expect: 100-continue": [having(["Expect: 100-continue", "Content-Length: 11"]), "100 200"],
  "Expect: something else": [having(["Expect: gold", "Content-Length: 11"]), "417"],
  Upgrade: [having(["Connection: Upgrade", "Upgrade: h2c", "Content-Length: 11"]) + right, "200"],
  "Connection: close": [having(["Connection: close", "Content-Length: 11"]), "200 closed"],
  "Connection: close, and more": [having(["Connection: close", "Content-Length: 11"]) + right, "400 closed"],
  "HTTP/1.0": [right.replace("HTTP/1.1", "HTTP/1.0"), "200 closed"],
  "an absolute target": [right.replace("POST /", "POST http://localhost/"), "200"],
  "HTTP/2's preface": ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 closed"],
  "something that is no HTTP": ["\x16\x03\x01\x02\0\x01\0", "400 closed"],
  "pipelined, and then GET": [`${right}${right}${unexpected}${right}`, "200 200 404 200"],
  "an empty line before": [`\r\n${right}${right}`, "200 200"],
  "another content type": [right.replace("x-amz-json-1.0", "x-amz-json-1.0; charset=utf-8"), "200"],
  "no content type": [right.replace(`${type}\r\n`, ""), "404"],
  "an unknown operation": [right.replace("ListTables", "ListChairs"), "400"],
  "no target": [right.replace(/X-Amz-Target.*\r\n/, ""), "400"],
  "a body of 100 KB": [having(["Content-Length: 100011"], body.padEnd(100_011)) + right, "200 200"],
  "no body": [having(["Content-Length: 0"], "") + right, "500 200"],
};

async function heardOf(url: string, sent: string, count: number, isClosed: boolean): Promise<string> {
  const raw = await RawSocket.open(url);
  raw.send(Buffer.from(sent, "latin1"));
  await raw.replies(count);
  if (isClosed) await raw.closed();
  // A reply too many, or one that closes, would be there by now.
  else await new Promise((resolve) => setTimeout(resolve, 50));
  const heard = [...raw.statuses, ...(raw.isClosed ? ["closed"] : [])].join(" ");
  raw.destroy();
  return heard;
}

describe("a server with the lane and one without", () => {
  for (const [name, [sent, expected]] of Object.entries(cases)) {
    it(name, async () => {
      const [count, isClosed] = [expected.match(/\d+/g)?.length ?? 0, expected.endsWith("closed")];
      expect(await heardOf(plain.proxy.url, sent, count, isClosed), "without the lane").toBe(expected);
      expect(await heardOf(laned.proxy.url, sent, count, isClosed), "with the lane").toBe(expected);
    });
  }

  it("pipelined, and then wrong: the lane answers those that were right", async () => {
    const sent = `${right}${right}nonsense\r\n\r\n`;
    // Node refuses the connection at once, with the answers to the first two still on their way.
    expect(await heardOf(plain.proxy.url, sent, 1, true)).toBe("400 closed");
    expect(await heardOf(laned.proxy.url, sent, 3, true)).toBe("200 200 400 closed");
    expect([plain, laned].map(({ upstream }) => upstream.count("ListTables"))).toEqual([2, 2]);
  });

  it("early close: a request whose end never comes is not carried out", async () => {
    for (const { proxy, upstream } of [plain, laned]) {
      upstream.reset();
      for (const end of [right.length - 1, right.indexOf("\r\n\r\n") + 2, 30]) {
        const raw = await RawSocket.open(proxy.url);
        raw.socket.end(right.slice(0, end));
        await raw.closed();
        expect(raw.statuses).toEqual(["400"]);
      }
      expect(upstream.count()).toBe(0);
    }
  });

  it("the same heads, byte for byte but for the date, the request id and the order", async () => {
    const TableName = await laned.table();
    const item = { pk: { S: "1" }, v: { S: "x".repeat(5000) } };
    await laned.d("PutItem", { TableName, Item: item });
    const requests = [
      ["GetItem", { TableName, Key: { pk: { S: "1" } } }],
      ["GetItem", { TableName, Key: { pk: { S: "none" } } }],
      ["GetItem", { TableName, Key: {} }],
      ["ListTables", { Limit: 1 }],
      ["BatchGetItem", { RequestItems: { [TableName]: { Keys: [{ pk: { S: "1" } }] } } }],
    ] as const;
    const heads = await Promise.all([plain, laned].map(({ proxy }) => headsOf(proxy.url, requests)));
    expect(heads[1]).toEqual(heads[0]);
    expect(heads[0]?.[0]).toContain("Keep-Alive: timeout=125");
  });
});

/** Each request twice in a row on one connection; the lines of the replies' heads, and their bodies. */
async function headsOf(url: string, requests: readonly (readonly [string, object])[]): Promise<string[][]> {
  const raw = await RawSocket.open(url);
  const heads: string[][] = [];
  for (const [operation, input] of [...requests, ...requests]) {
    const before = raw.received.length;
    const already = raw.statuses.length;
    raw.send(rawRequest(url, operation, input));
    await raw.replies(already + 1);
    const length = Number(/content-length: (\d+)/.exec(raw.received.slice(before))?.[1]);
    const end = raw.received.indexOf("\r\n\r\n", before) + 4 + length;
    while (raw.received.length < end) await new Promise((resolve) => setTimeout(resolve, 5));
    const [head = "", content = ""] = raw.received.slice(before).split("\r\n\r\n");
    const lines = head
      .replace(/x-amzn-requestid: [A-Za-z0-9-]{36,52}/, "x-amzn-requestid: ID")
      .replace(/Date: \w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT/, "Date: NOW");
    heads.push([...lines.split("\r\n").sort(), content]);
  }
  raw.destroy();
  return heads;
}
