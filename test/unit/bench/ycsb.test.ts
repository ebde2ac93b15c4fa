// YCSB's load finds a stale read, a lost update and a scan that lacks an item.

import { describe, expect, it } from "vitest";
import type { Exchange } from "../../../bench/replay.ts";
import { Sender } from "../../../bench/sdk-forms.ts";
import { Ycsb, type ycsbNames } from "../../../bench/ycsb.ts";

const records = 200;
const connections = 4;

interface Asked {
  readonly exchange: Exchange;
  readonly operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: inputs are read deep into; a test that reads wrongly fails by itself
  readonly input: any;
}

function asker(name: (typeof ycsbNames)[number]): () => Asked {
  const { source } = new Ycsb(name, records, new Sender("http://127.0.0.1:1"), 7);
  let asked = 0;
  return () => {
    const exchange = source(asked++ % connections)!;
    const text = exchange.bytes.toString();
    const operation = /x-amz-target: \w+\.(\w+)/i.exec(text)?.[1] ?? "";
    return { exchange, operation, input: JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)) };
  };
}

const look = ({ exchange }: Asked, reply: object) => exchange.look?.("", Buffer.from(JSON.stringify(reply)));
const nameOf = (key: { pk: { S: string }; sk: { S: string } }) => `${key.pk.S} ${key.sk.S}`;

describe("the benchmark's YCSB", () => {
  it.each([
    ["A", { GetItem: 0.5, UpdateItem: 0.5 }],
    ["B", { GetItem: 0.95, UpdateItem: 0.05 }],
    ["C", { GetItem: 1 }],
    ["D", { GetItem: 0.95, PutItem: 0.05 }],
    ["E", { Query: 0.95, PutItem: 0.05 }],
    // Of three operations two are reads: one alone, and one before its write.
    ["F", { GetItem: 2 / 3, UpdateItem: 1 / 3 }],
  ] as const)("%s has its mix", (name, mix) => {
    const ask = asker(name);
    const counts = new Map<string, number>();
    const total = 3000;
    for (let at = 0; at < total; at += 1) {
      const asked = ask();
      counts.set(asked.operation, (counts.get(asked.operation) ?? 0) + 1);
      if (asked.operation === "PutItem") look(asked, {});
    }
    expect([...counts.keys()].sort()).toEqual(Object.keys(mix).sort());
    for (const [operation, share] of Object.entries(mix))
      expect((counts.get(operation) ?? 0) / total).toBeCloseTo(share, 1);
  });

  it("a read below an acknowledged version is stale, the version itself and one above are not", () => {
    const ask = asker("A");
    const acknowledged = new Set<string>();
    let judged = 0;
    for (let at = 0; at < 2000; at += 1) {
      const asked = ask();
      const version = (v: number) => ({ Item: { ...asked.input.Key, v: { N: String(v) } } });
      if (asked.operation === "UpdateItem") {
        expect(look(asked, { Attributes: { v: { N: "1000005" } } })).toBeUndefined();
        expect(look(asked, {})).toBeDefined();
        acknowledged.add(nameOf(asked.input.Key));
      } else if (acknowledged.has(nameOf(asked.input.Key))) {
        judged += 1;
        expect(look(asked, version(1_000_004))).toContain("stale");
        expect(look(asked, version(1_000_005))).toBeUndefined();
        expect(look(asked, version(1_000_006))).toBeUndefined();
        expect(look(asked, {})).toBeDefined();
      }
    }
    expect(judged).toBeGreaterThan(100);
  });

  it("a scan must have every item that it covers, those that were inserted before it too", () => {
    const ask = asker("E");
    const inserted = new Map<string, string[]>();
    let [judged, withInserted] = [0, 0];
    for (let at = 0; at < 4000; at += 1) {
      const asked = ask();
      if (asked.operation === "PutItem") {
        const { pk, sk } = asked.input.Item;
        inserted.set(pk.S, [...(inserted.get(pk.S) ?? []), sk.S]);
        look(asked, {});
        continue;
      }
      const { Limit, ExpressionAttributeValues: values } = asked.input;
      const base = Array.from({ length: 100 }, (_, position) => String(position).padStart(3, "0"));
      const own = inserted.get(values[":p"].S) ?? [];
      const all = [...base, ...own].sort().filter((sk) => sk >= values[":s"].S);
      const page = all.slice(0, Limit);
      const reply = (sks: readonly string[]) => ({
        Items: sks.map((S) => ({ pk: values[":p"], sk: { S } })),
      });
      expect(look(asked, reply(page))).toBeUndefined();
      const lost = page.find((sk) => own.includes(sk)) ?? page[0]!;
      const wrong = look(asked, reply(all.filter((sk) => sk !== lost).slice(0, Limit)));
      if (wrong === undefined) continue; // Not one of the sample.
      judged += 1;
      if (own.includes(lost)) withInserted += 1;
      expect(wrong).toContain(`without ${lost}`);
      expect(look(asked, reply([...page].reverse().concat("000")))).toBeDefined();
    }
    expect(judged).toBeGreaterThan(100);
    expect(withInserted).toBeGreaterThan(10);
  });
});
