// The scripted stream server and DynamoDB Local give the same answers to the same calls.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { call, mustCall, STREAMS } from "../support/raw-client.ts";
import { type ScriptedStreams, startScriptedStreams } from "../support/scripted-streams.ts";
import { type ModelItem, StreamModel, type ViewType } from "../support/stream-model.ts";
import { testTables } from "../support/tables.ts";

interface Shard {
  readonly ShardId: string;
  readonly ParentShardId?: string;
  readonly SequenceNumberRange: {
    readonly StartingSequenceNumber: string;
    readonly EndingSequenceNumber?: string;
  };
}

interface StreamRecord {
  readonly eventName: string;
  readonly dynamodb: { readonly SequenceNumber: string; readonly ApproximateCreationDateTime: number };
}

interface Reply {
  readonly StreamDescription: {
    readonly StreamStatus: string;
    readonly StreamArn: string;
    readonly Shards: Shard[];
  };
  readonly ShardIterator: string;
  readonly Records: StreamRecord[];
  readonly NextShardIterator?: string;
  readonly __type?: string;
}

/** One stream with one shard, on either server. */
interface Subject {
  readonly url: string;
  readonly StreamArn: string;
  put(item: ModelItem): Promise<unknown>;
  remove(key: ModelItem): Promise<unknown>;
  disable(): Promise<unknown>;
}

const local = inject("dynamoDbLocalUrl");
const tables = testTables(local);
let server: ScriptedStreams;

beforeAll(async () => {
  server = await startScriptedStreams();
});
afterAll(async () => {
  await server.close();
  await tables.deleteAll();
});

const subjects: Readonly<Record<string, (stream: ViewType) => Promise<Subject>>> = {
  async "the scripted server"(viewType) {
    const model = new StreamModel({ viewType, filter: "ignored" });
    server.add(model);
    return {
      url: server.url,
      StreamArn: model.arn,
      put: async (item) => model.put(item),
      remove: async (key) => model.remove(key),
      disable: async () => model.disable(),
    };
  },
  async "DynamoDB Local"(stream) {
    const TableName = await tables.create({ hash: "pk:S", stream });
    const described = await call<{ Table: { LatestStreamArn: string } }>(local, "DescribeTable", {
      TableName,
    });
    const off = { TableName, StreamSpecification: { StreamEnabled: false } };
    return {
      url: local,
      StreamArn: described.body.Table.LatestStreamArn,
      put: (Item) => mustCall(local, "PutItem", { TableName, Item }),
      remove: (Key) => mustCall(local, "DeleteItem", { TableName, Key }),
      disable: () => mustCall(local, "UpdateTable", off),
    };
  },
};

describe.each(Object.keys(subjects))("%s", (name) => {
  const make = subjects[name]!;
  const item = (pk: string, v: string): ModelItem => ({ pk: { S: pk }, v: { N: v } });

  async function ask(subject: Subject, operation: string, input: object): Promise<Reply> {
    const reply = await call<Reply>(subject.url, operation, input, { targetPrefix: STREAMS });
    return {
      ...reply.body,
      ...(reply.status !== 200 && { __type: `${reply.status} ${errorIn(reply.body)}` }),
    };
  }

  async function shardOf(subject: Subject): Promise<Shard> {
    const { StreamDescription } = await ask(subject, "DescribeStream", { StreamArn: subject.StreamArn });
    return StreamDescription.Shards[0]!;
  }

  async function iterator(
    subject: Subject,
    ShardIteratorType: string,
    SequenceNumber?: string,
  ): Promise<string> {
    const { ShardId } = await shardOf(subject);
    const { StreamArn } = subject;
    const reply = await ask(subject, "GetShardIterator", {
      StreamArn,
      ShardId,
      ShardIteratorType,
      SequenceNumber,
    });
    return reply.ShardIterator;
  }

  const read = (subject: Subject, ShardIterator: string | undefined, Limit?: number) =>
    ask(subject, "GetRecords", { ShardIterator, Limit });

  it("describes an open shard and, once the stream is disabled, a closed one", async () => {
    const subject = await make("NEW_IMAGE");
    const { StreamArn } = subject;
    const { StreamDescription: before } = await ask(subject, "DescribeStream", { StreamArn });
    expect(before).toMatchObject({ StreamArn, StreamStatus: "ENABLED", StreamViewType: "NEW_IMAGE" });
    expect(before.Shards.length).toBe(1);
    expect(before.Shards[0]).not.toHaveProperty("ParentShardId");
    expect(before.Shards[0]?.SequenceNumberRange).toEqual({
      StartingSequenceNumber: expect.stringMatching(/^\d{21}$/),
    });
    expect(before).not.toHaveProperty("LastEvaluatedShardId");
    await subject.put(item("a", "1"));
    await subject.disable();
    const { StreamDescription: after } = await ask(subject, "DescribeStream", { StreamArn });
    expect(after.StreamStatus).toBe("DISABLED");
    expect(after.Shards[0]?.SequenceNumberRange.EndingSequenceNumber).toMatch(/^\d{21}$/);
  });

  it("starts after ExclusiveStartShardId, and takes no notice of ShardFilter", async () => {
    const subject = await make("NEW_IMAGE");
    const { StreamArn } = subject;
    const { ShardId } = await shardOf(subject);
    const after = await ask(subject, "DescribeStream", { StreamArn, ExclusiveStartShardId: ShardId });
    expect(after.StreamDescription.Shards).toEqual([]);
    const ShardFilter = { Type: "CHILD_SHARDS", ShardId };
    const children = await ask(subject, "DescribeStream", { StreamArn, ShardFilter });
    expect(children.StreamDescription.Shards.map((shard) => shard.ShardId)).toEqual([ShardId]);
  });

  it("gives records in the order of the writes, and none for a write that changes nothing", async () => {
    const subject = await make("KEYS_ONLY");
    await subject.put(item("a", "1"));
    await subject.put(item("b", "1"));
    await subject.put(item("a", "2"));
    await subject.put(item("a", "2"));
    await subject.remove({ pk: { S: "b" } });
    await subject.remove({ pk: { S: "b" } });
    const { Records, NextShardIterator } = await read(subject, await iterator(subject, "TRIM_HORIZON"));
    expect(Records.map(({ eventName }) => eventName)).toEqual(["INSERT", "INSERT", "MODIFY", "REMOVE"]);
    const sequence = Records.map(({ dynamodb }) => dynamodb.SequenceNumber);
    expect(sequence).toEqual([...sequence].sort());
    expect(new Set(sequence).size).toBe(4);
    for (const { dynamodb } of Records)
      expect(Number.isInteger(dynamodb.ApproximateCreationDateTime)).toBe(true);
    const next = await read(subject, NextShardIterator);
    expect(next.Records).toEqual([]);
    expect(next.NextShardIterator).toBeTypeOf("string");
  });

  it("starts where each kind of iterator says, and goes on in pages", async () => {
    const subject = await make("KEYS_ONLY");
    for (const pk of ["a", "b", "c"]) await subject.put(item(pk, "1"));
    const latest = await iterator(subject, "LATEST");
    await subject.put(item("d", "1"));
    const names = ({ Records }: Reply) =>
      Records.map(({ dynamodb }) => (dynamodb as unknown as { Keys: { pk: { S: string } } }).Keys.pk.S).join(
        "",
      );
    const first = await read(subject, await iterator(subject, "TRIM_HORIZON"), 2);
    expect(names(first)).toBe("ab");
    expect(names(await read(subject, first.NextShardIterator, 1))).toBe("c");
    expect(names(await read(subject, latest))).toBe("d");
    const second = first.Records[1]?.dynamodb.SequenceNumber;
    expect(names(await read(subject, await iterator(subject, "AT_SEQUENCE_NUMBER", second)))).toBe("bcd");
    expect(names(await read(subject, await iterator(subject, "AFTER_SEQUENCE_NUMBER", second)))).toBe("cd");
    // The same iterator again gives the same again.
    expect(names(await read(subject, latest))).toBe("d");
  });

  it("ends a closed shard without a further iterator, with its last records or after them", async () => {
    const subject = await make("KEYS_ONLY");
    const waiting = await iterator(subject, "LATEST");
    await subject.put(item("a", "1"));
    await subject.put(item("b", "1"));
    await subject.disable();
    // A record may take a moment to appear in the stream, and so may the shard's end.
    const pages: number[] = [];
    let next: string | undefined = waiting;
    for (let turn = 0; next !== undefined && turn < 500; turn += 1) {
      const page: Partial<Awaited<ReturnType<typeof read>>> = await read(subject, next, 1);
      // A busy DynamoDB Local may refuse an iterator: whoever follows a stream takes another.
      if (page.Records === undefined) {
        await sleep(50);
        next = await iterator(subject, "TRIM_HORIZON");
        pages.length = 0;
        continue;
      }
      if (page.Records.length > 0) pages.push(page.Records.length);
      else await sleep(10);
      next = page.NextShardIterator;
    }
    expect(pages).toEqual([1, 1]);
    expect(next).toBeUndefined();
    const late = await read(subject, await iterator(subject, "LATEST"));
    expect(late.Records).toEqual([]);
    expect(late).not.toHaveProperty("NextShardIterator");
  });

  it.each(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] as const)(
    "shows %s",
    async (viewType) => {
      const subject = await make(viewType);
      await subject.put(item("a", "1"));
      await subject.put(item("a", "2"));
      await subject.remove({ pk: { S: "a" } });
      const { Records } = await read(subject, await iterator(subject, "TRIM_HORIZON"));
      const [Keys, one, two] = [{ pk: { S: "a" } }, item("a", "1"), item("a", "2")];
      const isNew = viewType.includes("NEW");
      const isOld = viewType.includes("OLD");
      const images = Records.map(({ dynamodb }) => {
        const {
          ApproximateCreationDateTime: _,
          SequenceNumber: __,
          SizeBytes: ___,
          ...rest
        } = {
          SizeBytes: 0,
          ...dynamodb,
        };
        return rest;
      });
      expect(images).toEqual([
        { Keys, StreamViewType: viewType, ...(isNew && { NewImage: one }) },
        { Keys, StreamViewType: viewType, ...(isNew && { NewImage: two }), ...(isOld && { OldImage: one }) },
        { Keys, StreamViewType: viewType, ...(isOld && { OldImage: two }) },
      ]);
    },
  );

  it("refuses in the same words", async () => {
    const subject = await make("KEYS_ONLY");
    const { StreamArn } = subject;
    const { ShardId } = await shardOf(subject);
    const other = StreamArn.replace(/stream\/.*/, "stream/2020-01-01T00:00:00.000");
    const noShard = { ShardId: "shardId-00000000000000000000-00000000", ShardIteratorType: "LATEST" };
    const before = { ShardId, ShardIteratorType: "AT_SEQUENCE_NUMBER", SequenceNumber: "0".repeat(21) };
    const errors = [
      await ask(subject, "DescribeStream", { StreamArn: other }),
      await ask(subject, "GetShardIterator", { StreamArn: other, ShardId, ShardIteratorType: "LATEST" }),
      await ask(subject, "GetShardIterator", { StreamArn, ...noShard }),
      await ask(subject, "GetShardIterator", { StreamArn, ...before }),
      await ask(subject, "GetRecords", { ShardIterator: "nonsense" }),
    ].map(({ __type }) => __type);
    expect(errors).toEqual([
      "400 ResourceNotFoundException",
      "400 ResourceNotFoundException",
      "400 ResourceNotFoundException",
      "400 ValidationException",
      "400 ValidationException",
    ]);
  });
});

function errorIn(body: { readonly __type?: string }): string {
  return body.__type?.split("#").at(-1) ?? "no error";
}
