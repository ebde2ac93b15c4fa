// Which tables are followed, and what holds while a stream is silent, missing, enabled later or disabled.

import { afterEach, expect, it } from "vitest";
import { call } from "../support/raw-client.ts";
import { eventually, type Streamed, startStreamed } from "../support/streamed.ts";
import { HASH_ONLY } from "../support/tables.ts";

let t: Streamed | undefined;
afterEach(() => t?.close());

const Key = { pk: { S: "a" } };
const start = async (...args: Parameters<typeof startStreamed>): Promise<Streamed> => {
  t = await startStreamed(...args);
  return t;
};
const statusOf = async (s: Streamed) =>
  (await call(s.proxy.url, "GetItem", { TableName: s.TableName, Key })).headers["x-dynatier-cache"];

it("streams: off follows nothing and says so", async () => {
  const s = await start({ ...HASH_ONLY, stream: "NEW_IMAGE" }, { streams: "off" });
  expect(await s.report()).toMatchObject({ stream: "off (streams: off)" });
  expect(s.proxy.upstream.count("DescribeStream")).toBe(0);
});

it("a table without a stream is cached until its TTL, and the report has the command that would enable one", async () => {
  const s = await start(HASH_ONLY);
  expect(await s.report()).toMatchObject({
    stream: "TTL only: the table has no stream",
    hint:
      `aws dynamodb update-table --table-name ${s.TableName} ` +
      "--stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
  });
  await s.through("GetItem", { Key });
  expect(await statusOf(s)).toBe("negative-hit; tier=memory");
});

it("streams: require passes a table through that is not followed", async () => {
  const s = await start(HASH_ONLY, { streams: "require" });
  await s.through("GetItem", { Key });
  expect(await statusOf(s)).toBe("pass; reason=not-fresh");
});

it("a stream that is enabled later is followed; what was cached before is dropped; disabled, it is TTL only", async () => {
  const s = await start(HASH_ONLY, { schemaRefreshMs: 1000 });
  await s.around("PutItem", { Item: { ...Key, v: { N: "1" } } });
  await s.through("GetItem", { Key });
  await s.around("PutItem", { Item: { ...Key, v: { N: "2" } } });
  expect(await s.through("GetItem", { Key })).toMatchObject({ Item: { v: { N: "1" } } });
  const specification = (StreamEnabled: boolean) => ({
    StreamSpecification: { StreamEnabled, ...(StreamEnabled && { StreamViewType: "NEW_AND_OLD_IMAGES" }) },
  });
  await s.around("UpdateTable", specification(true));
  await eventually(async () => (await s.report())?.stream, "followed");
  expect(await s.through("GetItem", { Key })).toMatchObject({ Item: { v: { N: "2" } } });
  await s.around("PutItem", { Item: { ...Key, v: { N: "3" } } });
  await eventually(async () => Object((await s.through("GetItem", { Key })).Item).v, { N: "3" });
  await s.around("UpdateTable", specification(false));
  await eventually(async () => String((await s.report())?.stream).startsWith("TTL only"), true);
});

it("an item that DynamoDB deletes because its time has come is gone through the proxy too", async () => {
  const s = await start({ ...HASH_ONLY, stream: "NEW_AND_OLD_IMAGES" });
  await s.around("UpdateTimeToLive", {
    TimeToLiveSpecification: { Enabled: true, AttributeName: "expires" },
  });
  const expires = { N: String(Math.floor(Date.now() / 1000) + 1) };
  await s.around("PutItem", { Item: { ...Key, expires } });
  await eventually(async () => (await s.through("GetItem", { Key })).Item !== undefined, true);
  const direct = async () => (await s.around("GetItem", { Key })).Item;
  await eventually(direct, undefined, 100, 40_000);
  await eventually(async () => (await s.through("GetItem", { Key })).Item, undefined);
}, 60_000);

it("a silent stream caps hits at degradedMaxAgeMs, and its recovery needs no flush", async () => {
  const s = await start(
    { ...HASH_ONLY, stream: "NEW_IMAGE" },
    { freshWithinMs: 300, degradedMaxAgeMs: 200, streamIdlePollMs: 50 },
  );
  await s.around("PutItem", { Item: { ...Key, v: { N: "1" } } });
  await eventually(async () => Object((await s.through("GetItem", { Key })).Item).v, { N: "1" });
  expect(await statusOf(s)).toBe("hit; tier=memory");
  const hold = s.proxy.upstream.hold("GetRecords", "before");
  await hold.arrived;
  await s.around("PutItem", { Item: { ...Key, v: { N: "2" } } });
  // The record does not come, but the entry is not served beyond 200 ms once the stream has been silent for 300.
  const tookMs = await eventually(async () => Object((await s.through("GetItem", { Key })).Item).v, {
    N: "2",
  });
  expect(tookMs).toBeLessThan(5000);
  hold.release();
  await eventually(async () => await statusOf(s), "hit; tier=memory");
});

it("streamLagMaxMs passes a table through while its stream is behind", async () => {
  const s = await start({ ...HASH_ONLY, stream: "NEW_IMAGE" }, { streamLagMaxMs: 400, streamIdlePollMs: 50 });
  await s.through("GetItem", { Key });
  expect(await statusOf(s)).toBe("negative-hit; tier=memory");
  const hold = s.proxy.upstream.hold("GetRecords", "before");
  await hold.arrived;
  await eventually(async () => await statusOf(s), "pass; reason=not-fresh");
  hold.release();
  await eventually(async () => await statusOf(s), "negative-hit; tier=memory");
});
