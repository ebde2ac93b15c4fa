// Catalogs of several threads: one describes, the others ask it; none uses what another knows to be out of date.

import { expect, test } from "vitest";
import type { TableSchema } from "../../../src/dynamodb/model.ts";
import { TableCatalog } from "../../../src/upstream/table-catalog.ts";
import { TableVersions } from "../../../src/upstream/table-versions.ts";
import type { UpstreamReply } from "../../../src/upstream/upstream.ts";

const later = 1_000_000;

/** A main thread's catalog and a worker's, with time and table in the test's hands. */
function setUp({ isShared = true } = {}) {
  const state = { nowMs: 0, TableId: "1", describes: 0, exists: true };
  const changes: string[] = [];
  const clock = { nowMs: () => state.nowMs };
  const upstream = {
    send: async (): Promise<UpstreamReply> => {
      state.describes += 1;
      const body = Buffer.from(JSON.stringify(state.exists ? description(state.TableId) : notFound));
      const nothing = { requestId: undefined, crc32: undefined, contentType: undefined };
      return { status: state.exists ? 200 : 400, body, ...nothing };
    },
    close: async () => {},
  };
  const versions = new TableVersions();
  const common = { upstream, clock, refreshMs: 60_000 };
  const worker = new TableCatalog({
    ...common,
    versions: isShared ? new TableVersions(versions.shared) : new TableVersions(),
    announces: false,
    describe: async (reference) => {
      const schema = await main.schema(reference, later);
      return schema === undefined ? { kind: "failed" } : { kind: "table", schema };
    },
    onChange: () => changes.push("worker"),
  });
  const main: TableCatalog = new TableCatalog({
    ...common,
    versions,
    onChange: () => {
      // When it is told that all be dropped, the worker must not use the old one any more.
      changes.push(`main, of which the worker knows ${worker.current().length}`);
    },
  });
  return { state, main, worker, changes };
}

const notFound = { __type: "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException" };
const description = (TableId: string) => ({
  Table: {
    ...{ TableName: "t", TableId, TableStatus: "ACTIVE", CreationDateTime: 1 },
    TableArn: "arn:aws:dynamodb:eu-west-1:123456789012:table/t",
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
  },
});

const printOf = async (schema: TableSchema | undefined | Promise<TableSchema | undefined>) =>
  (await schema)?.fingerprint;

test("a worker asks the main thread, which describes once", async () => {
  const { state, main, worker } = setUp();
  expect(await printOf(worker.schema("t", later))).toBe(await printOf(main.schema("t", later)));
  expect(state.describes).toBe(1);
  expect(worker.schema("t", later)).not.toBeInstanceOf(Promise);
});

test("what the main thread has found out holds in the worker at once, without a message", async () => {
  const { state, main, worker, changes } = setUp();
  const old = await worker.schema("t", later);
  state.TableId = "2";
  await main.refresh("t");
  expect(changes).toEqual(["main, of which the worker knows 0"]);
  expect(worker.known()).toEqual([old]);
  expect(worker.current()).toEqual([]);
  expect(await printOf(worker.schema("t", later))).toBe(await printOf(main.schema("t", later)));
  expect(worker.current()).toHaveLength(1);
  expect(state.describes).toBe(2);
});

test("without shared versions the worker would go on with the old one", async () => {
  const { state, main, worker } = setUp({ isShared: false });
  const old = await worker.schema("t", later);
  state.TableId = "2";
  await main.refresh("t");
  expect(worker.current()).toEqual([old]);
  expect(worker.schema("t", later)).toEqual(old);
});

test("what one forgets because an operation has changed it, the others describe anew", async () => {
  const { state, main, worker, changes } = setUp();
  await worker.schema("t", later);
  state.TableId = "2";
  worker.forget("arn:aws:dynamodb:eu-west-1:123456789012:table/t");
  expect([main.current(), worker.current()]).toEqual([[], []]);
  const next = await printOf(worker.schema("t", later));
  expect(next).toBe(await printOf(main.schema("t", later)));
  expect(changes.at(0)).toBe("main, of which the worker knows 0");
  expect(state.describes).toBe(2);
});

test("a description that was asked for before a change was announced is not kept", async () => {
  const { state, main, worker } = setUp();
  await worker.schema("t", later);
  main.forget("t");
  const asked = worker.schema("t", later);
  state.TableId = "2";
  main.forget("t"); // While the description of TableId 1 is on its way.
  await asked;
  expect(await printOf(worker.schema("t", later))).toBe(await printOf(main.schema("t", later)));
  expect(worker.current()).toHaveLength(1);
});

test("a table that is gone is used no more, and one that comes back is seen at once", async () => {
  const { state, main, worker } = setUp();
  await worker.schema("t", later);
  state.exists = false;
  await main.refresh("t");
  expect(await worker.schema("t", later)).toBeUndefined();
  Object.assign(state, { exists: true, TableId: "2" });
  worker.forget("t"); // CreateTable has passed through.
  expect(await printOf(worker.schema("t", later))).toBe(await printOf(main.schema("t", later)));
  expect(worker.current()).toHaveLength(1);
});
