// Writes that go around the proxy are seen through the table's stream: real DynamoDB Local, real sockets.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { call } from "../support/raw-client.ts";
import { eventually, type Streamed, startStreamed } from "../support/streamed.ts";
import { WITH_INDEXES } from "../support/tables.ts";

const shape = { ...WITH_INDEXES, stream: "NEW_AND_OLD_IMAGES" } as const;
const key = (pk: string, sk = "1") => ({ pk: { S: pk }, sk: { N: sk } });
const item = (pk: string, v: string, kind = "a") => ({
  ...key(pk),
  v: { S: v },
  kind: { S: kind },
  score: { N: "1" },
});

describe("a table whose stream is followed", () => {
  let t: Streamed;
  beforeAll(async () => {
    t = await startStreamed(shape);
  });
  afterAll(() => t.close());

  const get = async (pk: string) => (await t.through("GetItem", { Key: key(pk) })).Item;
  const partition = async (pk: string) =>
    (
      await t.through("Query", {
        KeyConditionExpression: "pk = :p",
        ExpressionAttributeValues: { ":p": { S: pk } },
      })
    ).Items;
  const ofKind = async (kind: string) =>
    (
      await t.through("Query", {
        IndexName: "byKind",
        KeyConditionExpression: "kind = :k",
        ExpressionAttributeValues: { ":k": { S: kind } },
      })
    ).Items;
  const count = async () => (await t.through("Scan", { Select: "COUNT" })).Count;
  /** DynamoDB Local has one shard: once the record of this write is applied, so are all before it. */
  let markers = 0;
  const everythingApplied = async () => {
    const pk = `marker-${++markers}`;
    expect(await get(pk)).toBeUndefined();
    await t.around("PutItem", { Item: item(pk, "x", "marker") });
    await eventually(async () => (await get(pk)) !== undefined, true);
  };
  const statusOf = async (operation: string, input: Record<string, unknown>) =>
    (await call(t.proxy.url, operation, { TableName: t.TableName, ...input })).headers["x-dynatier-cache"];

  const writes: Record<string, (pk: string) => Promise<unknown>> = {
    PutItem: (pk) => t.around("PutItem", { Item: item(pk, "new") }),
    UpdateItem: (pk) =>
      t.around("UpdateItem", {
        Key: key(pk),
        UpdateExpression: "SET v = :v",
        ExpressionAttributeValues: { ":v": { S: "new" } },
      }),
    BatchWriteItem: (pk) =>
      call(t.proxy.upstream.url, "BatchWriteItem", {
        RequestItems: { [t.TableName]: [{ PutRequest: { Item: item(pk, "new") } }] },
      }),
    TransactWriteItems: (pk) =>
      call(t.proxy.upstream.url, "TransactWriteItems", {
        TransactItems: [{ Put: { TableName: t.TableName, Item: item(pk, "new") } }],
      }),
    ExecuteStatement: (pk) =>
      call(t.proxy.upstream.url, "ExecuteStatement", {
        Statement: `UPDATE "${t.TableName}" SET v = 'new' WHERE pk = '${pk}' AND sk = 1`,
      }),
  };

  it.each(Object.keys(writes))(
    "%s around it: item, query, index query and scan become fresh",
    async (operation) => {
      const pk = operation;
      const kind = `kind-${operation}`;
      await t.around("PutItem", { Item: { ...item(pk, "old"), kind: { S: kind } } });
      await eventually(async () => (await get(pk)) !== undefined, true);
      await Promise.all([get(pk), partition(pk), ofKind(kind)]);
      await writes[operation]?.(pk);
      const fresh = async () => {
        const [one, ofPartition] = [await get(pk), await partition(pk)];
        return [Object(one).v, Object(Object(ofPartition)[0]).v];
      };
      await eventually(fresh, [{ S: "new" }, { S: "new" }]);
      if (operation === "UpdateItem")
        await eventually(async () => Object(Object(await ofKind(kind))[0]).v, { S: "new" });
    },
  );

  it("a deletion around it: a negative answer, and the scan's count", async () => {
    await t.around("PutItem", { Item: item("gone", "x") });
    await eventually(async () => (await get("gone")) !== undefined, true);
    const before = Number(await count());
    await t.around("DeleteItem", { Key: key("gone") });
    await eventually(async () => await get("gone"), undefined);
    await eventually(count, before - 1);
  });

  it("an update that moves an item from one index key to another makes both queries fresh; others keep their hits", async () => {
    await t.around("PutItem", { Item: item("mover", "x", "from") });
    await t.around("PutItem", { Item: item("stays", "x", "elsewhere") });
    const elsewhere = {
      IndexName: "byKind",
      KeyConditionExpression: "kind = :k",
      ExpressionAttributeValues: { ":k": { S: "elsewhere" } },
    };
    const other = { KeyConditionExpression: "pk = :p", ExpressionAttributeValues: { ":p": { S: "stays" } } };
    await eventually(async () => Object(await ofKind("from")).length, 1);
    await eventually(async () => Object(await ofKind("elsewhere")).length, 1);
    await eventually(async () => Object(await partition("stays")).length, 1);
    await everythingApplied();
    await Promise.all([ofKind("from"), ofKind("elsewhere"), partition("stays")]);
    expect(Object(await ofKind("to")).length).toBe(0);
    await t.around("UpdateItem", {
      Key: key("mover"),
      UpdateExpression: "SET kind = :k",
      ExpressionAttributeValues: { ":k": { S: "to" } },
    });
    await eventually(
      async () => [Object(await ofKind("from")).length, Object(await ofKind("to")).length],
      [0, 1],
    );
    expect(await statusOf("Query", elsewhere)).toBe("hit; tier=memory");
    expect(await statusOf("Query", other)).toBe("hit; tier=memory");
  });

  it("the metrics and the report say that it is followed, and how far behind", async () => {
    expect(await t.report()).toMatchObject({ stream: "followed" });
    const metrics = await (await fetch(`${t.proxy.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`dynatier_stream_lag_seconds\\{table="${t.TableName}"\\} \\d`));
    expect(metrics).toMatch(
      new RegExp(`dynatier_stream_records_total\\{.*table="${t.TableName}".*\\} [1-9]`),
    );
    expect(metrics).toMatch(
      new RegExp(`dynatier_stream_flushes_total\\{table="${t.TableName}",reason="start"\\} 1`),
    );
  });
});
