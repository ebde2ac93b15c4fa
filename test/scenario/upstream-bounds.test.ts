/** The sockets to DynamoDB, and what waits for one, are bounded by settings; beyond them callers are throttled. */

import { afterEach, describe, expect, it } from "vitest";
import { statusOf, useBench } from "../support/bench.ts";
import type { Hold } from "../support/faults.ts";
import { errorName } from "../support/raw-client.ts";

const settings = { upstreamConnections: 2, upstreamQueuedMax: 3, waitersMax: 2, settleMs: 0 };
const bench = useBench({ settings });
const { P, p } = bench;

describe("a full queue", () => {
  let held: Hold | undefined;
  afterEach(() => held?.release());
  const inFlight = async () => (await statusOf(bench.proxy)).requestsInFlight;

  /** The table, known to the proxy, with reads of two items at DynamoDB's and of three more behind them. */
  async function full() {
    const TableName = await bench.table();
    const read = (pk: string) => P("GetItem", { TableName, Key: { pk: { S: pk } } });
    await read("known");
    held = bench.upstream.hold("GetItem", "before");
    const admitted = ["1", "2", "3", "4", "5"].map(read);
    await expect.poll(inFlight).toBe(5);
    await expect.poll(() => held?.waiting()).toBe(2);
    return { TableName, read, admitted, held };
  }

  it("refuses reads and writes at once, in DynamoDB's word and with the setting's name, and sends nothing", async () => {
    const { TableName, read, admitted, held } = await full();
    const write = P("PutItem", { TableName, Item: { pk: { S: "6" } } });
    for (const reply of await Promise.all([read("6"), write])) {
      expect([reply.status, errorName(reply)]).toEqual([400, "ThrottlingException"]);
      expect(reply.body.message).toMatch(/upstreamQueuedMax/);
    }
    held.release();
    expect((await Promise.all(admitted)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    // The known one, and the five.
    expect([bench.upstream.count("GetItem"), bench.upstream.count("PutItem")]).toEqual([6, 0]);
    expect(bench.upstream.socketsOpen).toBe(2);
    // And there is room again.
    expect((await p("PutItem", { TableName, Item: { pk: { S: "6" } } })).status).toBe(200);
  });

  it("callers who wait for a read that is under way take no place in it, and have a bound of their own", async () => {
    const { read, admitted, held } = await full();
    const joined = read("1");
    await expect.poll(inFlight).toBe(6);
    const refused = await read("1");
    expect(errorName(refused)).toBe("ThrottlingException");
    expect(refused.body.message).toMatch(/waitersMax/);
    held.release();
    expect((await Promise.all([joined, ...admitted])).map(({ status }) => status)).toEqual(
      Array(6).fill(200),
    );
    expect(bench.upstream.count("GetItem")).toBe(6);
  });
});
