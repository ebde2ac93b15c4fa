// Pages of GetRecords, taken apart without parsing images, against JSON.parse.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isObject } from "../../../src/dynamodb/model.ts";
import type { StreamRecord } from "../../../src/invalidation/placed-records.ts";
import { readRecordPage } from "../../../src/invalidation/record-page.ts";

const Keys = { pk: { S: "a" } };
const one = (text: string) => Buffer.from(`{"Records":[${text}]}`);
const recordOf = (text: string): StreamRecord | undefined => readRecordPage(one(text))?.records.at(0);

/** What it says, the images parsed. */
function told(record: StreamRecord | undefined): unknown {
  const { eventName, keys, sequenceNumber, createdAtSeconds } = record ?? {};
  const images = { old: record?.oldImage?.item(), new: record?.newImage?.item() };
  return { eventName, keys, sequenceNumber, createdAtSeconds, ...images };
}

/** The same by JSON.parse. */
function parsed(record: unknown): unknown {
  if (!isObject(record)) return told(undefined);
  const { eventName } = record;
  const dynamodb = isObject(record.dynamodb) ? record.dynamodb : {};
  const objectOf = (value: unknown) => (isObject(value) ? value : undefined);
  return {
    ...{ eventName, keys: dynamodb.Keys, sequenceNumber: dynamodb.SequenceNumber },
    createdAtSeconds: dynamodb.ApproximateCreationDateTime,
    ...{ old: objectOf(dynamodb.OldImage), new: objectOf(dynamodb.NewImage) },
  };
}

const value = fc.jsonValue({ maxDepth: 3 });
const optional = { requiredKeys: [] };
const dynamodb = fc.record(
  {
    ...{ Keys: value, SizeBytes: value, SequenceNumber: fc.oneof(fc.string(), value) },
    ApproximateCreationDateTime: fc.oneof(fc.nat(), fc.double(), value),
    ...{ OldImage: value, NewImage: value, other: value },
  },
  optional,
);
const record = fc.oneof(
  fc.record({ eventName: fc.oneof(fc.string(), value), dynamodb, eventID: value, other: value }, optional),
  value,
);
const page = fc.record({ Records: fc.array(record), NextShardIterator: value, other: value });

describe("readRecordPage", () => {
  it("finds what JSON.parse finds, however it is laid out", () => {
    fc.assert(
      fc.property(page, fc.constantFrom(undefined, 1, "\t", "\n \r"), (value, indent) => {
        // Written and read: a double may have become null, and −0 is 0.
        const text = JSON.stringify(value, undefined, indent);
        const { Records, NextShardIterator } = JSON.parse(text);
        const found = readRecordPage(Buffer.from(` ${text}\n`));
        expect(found?.next).toEqual(NextShardIterator);
        expect(found?.records.length).toBe(Records.length);
        Records.forEach((record: unknown, at: number) => {
          expect(told(found?.records.at(at))).toEqual(parsed(record));
        });
      }),
      { numRuns: 1000 },
    );
  });

  it("takes no page that is cut off, however much of it there is", () => {
    const text = JSON.stringify({
      Records: [{ eventName: "MODIFY", dynamodb: { Keys, NewImage: { ...Keys, n: { N: "1" } } } }],
      NextShardIterator: "next",
    });
    for (let end = 0; end < text.length; end += 1)
      expect(readRecordPage(Buffer.from(text.slice(0, end)))).toBeUndefined();
    expect(readRecordPage(Buffer.from(`${text}}`))).toBeUndefined();
  });

  it.each([
    ["no object", "[]"],
    ["no records", '{"NextShardIterator":"next"}'],
    ["records that are no list", '{"Records":{}}'],
    ["records twice", '{"Records":[],"Records":[]}'],
    ["two next positions", '{"Records":[],"NextShardIterator":"1","NextShardIterator":"2"}'],
    ["a next position that is no JSON", '{"Records":[],"NextShardIterator":1.}'],
    ["a comma too many", '{"Records":[{},]}'],
    ["no comma", '{"Records":[{}{}]}'],
    ["a name without quotes", "{Records:[]}"],
  ])("takes none with %s", (_, text) => {
    expect(readRecordPage(Buffer.from(text))).toBeUndefined();
  });

  it("takes none that is not UTF-8", () => {
    const text = JSON.stringify({ Records: [{ eventName: "INSERT", dynamodb: { Keys } }] });
    const bytes = Buffer.from(text);
    bytes[text.indexOf('"a"') + 1] = 0xff;
    expect(readRecordPage(bytes)).toBeUndefined();
  });

  it.each([
    ["an event twice", '{"eventName":"INSERT","eventName":"REMOVE","dynamodb":{"Keys":{}}}'],
    ["a body twice", '{"eventName":"INSERT","dynamodb":{"Keys":{}},"dynamodb":{}}'],
    ["keys twice", '{"eventName":"INSERT","dynamodb":{"Keys":{},"Keys":{"pk":{"S":"a"}}}}'],
    ["a name with escapes", '{"eventName":"INSERT","dynamodb":{"Keys":{},"\\u004beys":{}}}'],
  ])("says nothing of a record with %s, which parsers may read differently, and reads on", (_, text) => {
    const next = '{"eventName":"REMOVE","dynamodb":{"Keys":{"pk":{"S":"b"}}}}';
    const found = readRecordPage(one(`${text},${next}`));
    expect(told(found?.records.at(0))).toEqual(told(undefined));
    expect(told(found?.records.at(1))).toEqual(parsed(JSON.parse(next)));
  });

  it("does not look into images before somebody asks", () => {
    const image = '{"pk":{"S":"a"},"n":{"N":one}}';
    const found = recordOf(`{"eventName":"MODIFY","dynamodb":{"Keys":{"pk":{"S":"a"}},"NewImage":${image}}}`);
    expect(found?.keys).toEqual(Keys);
    expect(Buffer.from(found?.newImage?.bytes ?? []).toString()).toBe(image);
    expect(found?.newImage?.item()).toBeUndefined();
  });
});
