// Conformance behaviour 40: every operation that the cache does not know, byte for byte. (SearchVectors' own host:
// test/unit/upstream/endpoints.test.ts.)

import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operations } from "../../src/proxy/operations.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { call } from "../support/raw-client.ts";
import {
  ScriptedReply,
  type ScriptedUpstream,
  scriptedError,
  startScriptedUpstream,
} from "../support/scripted-upstream.ts";

/** Spaces, escapes, numbers that a JSON round trip would change, and members that nobody knows. */
const REQUEST = Buffer.from(
  '{ "TableName" :"unknown-table","Futuristic":{"n":1.0,"e":1E400,"big":12345678901234567890},"t":"\\u00e4ä\\/" }\n',
);
const ANSWER = Buffer.from('{\r\n "Odd" : [1.00, "\\u20ac€", {"__proto__": {"x":1}}] ,"Odd":2}');

/** May be tried once more after a 500. Anything else is sent once, whatever happens. */
const READS = /^(Get|BatchGet|TransactGet|Query|Scan|Search|Describe|List)/;

/** What a caller may see of the reply. */
function replyOf(status: number): ScriptedReply {
  return new ScriptedReply(status, ANSWER, { "x-amzn-requestid": `ID${status}` });
}

describe("40 operations pass byte for byte", () => {
  let scripted: ScriptedUpstream;
  let proxy: TestProxy;
  beforeAll(async () => {
    scripted = await startScriptedUpstream();
    proxy = await startProxy({ upstreamUrl: scripted.url });
  });
  afterAll(async () => {
    await proxy.stop();
    await scripted.close();
  });

  it("40 there are 62 operations of DynamoDB and 4 of its streams", () => {
    const services = [...operations.values()].map((row) => row.service);
    expect(services.filter((one) => one === "DynamoDB_20120810")).toHaveLength(62);
    expect(services.filter((one) => one === "DynamoDBStreams_20120810")).toHaveLength(4);
  });

  for (const [operation, row] of operations) {
    for (const status of [200, 400, 500]) {
      it(`40 ${operation}, answered with ${status}`, async () => {
        // Nothing is known of the table: so every operation, reads and writes too, must go up as it came.
        scripted.on("DescribeTable", () => scriptedError("ResourceNotFoundException"));
        scripted.on(operation, () => replyOf(status));
        scripted.requests.length = 0;
        const reply = await call(proxy.url, operation, REQUEST, { targetPrefix: row.service });
        const received = scripted.requests.filter((one) => one.operation === operation);
        expect(received.length).toBeGreaterThan(0);
        for (const one of received) {
          // The proxy's own look at the table, where the operation under test is DescribeTable itself.
          expect(one.bytes.toString()).toBe(REQUEST.toString());
          expect(one.target).toBe(`${row.service}.${operation}`);
          expect(one.headers["content-type"]).toBe("application/x-amz-json-1.0");
        }
        const attemptsMax = status === 500 && READS.test(operation) ? 2 : 1;
        expect(received.length).toBeLessThanOrEqual(attemptsMax);
        expect(reply.status).toBe(status);
        expect(reply.bytes.toString("hex")).toBe(ANSWER.toString("hex"));
        expect(reply.headers["x-amzn-requestid"]).toBe(`ID${status}`);
        expect(reply.headers["x-amz-crc32"]).toBe(String(crc32(ANSWER)));
        expect(reply.headers["content-type"]).toBe("application/x-amz-json-1.0");
      });
    }
  }
});

describe("40 requests with members that we do not know", () => {
  const table = {
    Table: {
      TableName: "T",
      TableArn: "arn:aws:dynamodb:us-east-1:123456789012:table/T",
      TableStatus: "ACTIVE",
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    },
  };
  const body = (members: string) => `{"TableName":"T", ${members} ,"NewIn2030":{"a":[1.0]}}`;
  const requests = {
    GetItem: body('"Key":{"pk":{"S":"1"}}'),
    BatchGetItem: '{"RequestItems":{"T":{"Keys":[{"pk":{"S":"1"}}],"NewIn2030":1.0}}}',
    PutItem: body('"Item":{"pk":{"S":"1"},"f":{"NEW":"type"}}'),
    UpdateItem: body('"Key":{"pk":{"S":"1"}},"UpdateExpression":"FUTURE x","ReturnValues":"ALL_NEW"'),
    DeleteItem: body('"Key":{"pk":{"S":"1"}}'),
    TransactWriteItems: '{"TransactItems":[{"Frobnicate":{"TableName":"T","Key":{"pk":{"S":"1"}}}} ]}',
  };

  for (const [operation, request] of Object.entries(requests)) {
    it(`40 ${operation} goes up as it came and is not answered from memory`, async () => {
      const scripted = await startScriptedUpstream({
        DescribeTable: () => table,
        [operation]: () => replyOf(200),
      });
      const proxy = await startProxy({ upstreamUrl: scripted.url });
      try {
        for (let i = 1; i <= 2; i++) {
          const reply = await call(proxy.url, operation, request);
          expect(reply.bytes.toString()).toBe(ANSWER.toString());
          const received = scripted.requests.filter((one) => one.operation === operation);
          expect(received.map((one) => one.bytes.toString())).toEqual(Array(i).fill(request));
        }
      } finally {
        await proxy.stop();
        await scripted.close();
      }
    });
  }
});
