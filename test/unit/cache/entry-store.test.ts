/** The entry store against a plain Map: never other bytes than were stored, never more memory than its bound. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EntryStore } from "../../../src/cache/entry-store.ts";
import type { CacheEntry } from "../../../src/cache/tier.ts";

/** Content that tells key and version apart, so that bytes of another record, or of an older one, are noticed. */
function entryOf(key: string, version: number, bytes: number, negative = false): CacheEntry {
  const body = Buffer.alloc(bytes, `${version}:${key};`);
  return {
    body,
    crc32: (0x9e3779b1 * version) >>> 0,
    readAtMs: version + 0.25,
    units: version / 2,
    negative,
  };
}

const keys = Array.from({ length: 60 }, (_, at) => {
  const text = `i\0table\0S${at}${"x".repeat((at * at) % 300)}`;
  return at % 5 === 0 ? `${text}ключ€` : text;
});
const key = fc.integer({ min: 0, max: keys.length - 1 });
/** Mostly small; some long enough to stand apart, some longer than the smaller bounds. */
const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 500 }) },
  { weight: 2, arbitrary: fc.integer({ min: 500, max: 5_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 5_000, max: 100_000 }) },
);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("put" as const), key, size, negative: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("serve" as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restamp" as const), key }) },
);

interface Known {
  readonly entry: CacheEntry;
  readonly stamp: number;
  readonly ageMsMax: number | undefined;
}

/** What the store must never do, whatever is asked of it. */
class Watched {
  readonly store: EntryStore;
  readonly model = new Map<string, Known>();
  readonly handedOut: { readonly body: Uint8Array; readonly as: string }[] = [];
  readonly bytesMax: number;
  stored = 0;
  removed = 0;
  version = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
    this.store = new EntryStore(bytesMax);
  }

  put(name: string, bytes: number, negative = false): boolean {
    this.version += 1;
    const entry = entryOf(name, this.version, bytes, negative);
    const ageMsMax = this.version % 3 === 0 ? this.version : undefined;
    if (this.store.find(name) !== 0) this.removed += 1;
    const fits = this.store.put(name, entry, this.version, ageMsMax);
    if (!fits) {
      this.model.delete(name);
      expect(this.store.find(name)).toBe(0);
    } else {
      this.stored += 1;
      this.model.set(name, { entry, stamp: this.version, ageMsMax });
      // What has just been stored is there.
      expect(this.store.find(name)).not.toBe(0);
    }
    return fits;
  }

  serve(name: string): boolean {
    const place = this.store.find(name);
    if (place === 0) return false;
    this.check(name, place);
    this.store.visit(place);
    const { body } = this.store.entry(place);
    this.handedOut.push({ body, as: Buffer.from(body).toString("latin1") });
    return true;
  }

  remove(name: string): void {
    const place = this.store.find(name);
    this.model.delete(name);
    if (place === 0) return;
    this.removed += 1;
    this.store.remove(place);
    expect(this.store.find(name)).toBe(0);
  }

  restamp(name: string): void {
    const place = this.store.find(name);
    const known = this.model.get(name);
    if (place === 0 || known === undefined) return;
    this.version += 1;
    this.store.restamp(place, this.version);
    this.model.set(name, { ...known, stamp: this.version });
  }

  check(name: string, place: number): void {
    const known = this.model.get(name);
    const { entry, stamp, ageMsMax } = known ?? expect.fail(`${name} is there after it was removed`);
    const { body, ...rest } = this.store.entry(place);
    const { body: expected, ...others } = entry;
    expect(Buffer.compare(body, expected)).toBe(0);
    expect(rest).toEqual(others);
    expect([this.store.stampOf(place), this.store.readAtMs(place)]).toEqual([stamp, entry.readAtMs]);
    expect([this.store.ageMsMax(place), this.store.isNegative(place)]).toEqual([ageMsMax, entry.negative]);
  }

  checkBounds(): void {
    const { bytes, entries, evictions } = this.store.counts();
    expect(bytes).toBeLessThanOrEqual(this.bytesMax);
    expect(entries + evictions + this.removed).toBe(this.stored);
  }

  checkAll(): void {
    this.checkBounds();
    let found = 0;
    for (const name of new Set([...keys, ...this.model.keys()])) {
      const place = this.store.find(name);
      if (place === 0) continue;
      found += 1;
      this.check(name, place);
    }
    expect(found).toBe(this.store.counts().entries);
    for (const { body, as } of this.handedOut) expect(Buffer.from(body).toString("latin1")).toBe(as);
  }
}

describe("EntryStore", () => {
  it.each([4_096, 20_000, 100_000, 1_048_576])("of %d bytes does what a Map does, or forgets", (bytesMax) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: "max" }), (steps) => {
        const watched = new Watched(bytesMax);
        for (const one of steps) {
          const name = keys[one.key]!;
          if (one.kind === "put") watched.put(name, one.size, one.negative);
          else watched[one.kind](name);
          watched.checkBounds();
        }
        watched.checkAll();
      }),
      { numRuns: 100 },
    );
  });

  it("stays right through a long churn of many keys and sizes", () => {
    const watched = new Watched(400_000);
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (state >>> 8) % below;
    };
    for (let turn = 0; turn < 60_000; turn += 1) {
      const name = `i\0t\0N${random(3_000)}`;
      if (!watched.serve(name)) watched.put(name, random(40) === 0 ? random(20_000) : random(300));
      if (random(10) === 0) watched.remove(`i\0t\0N${random(3_000)}`);
      if (watched.handedOut.length > 500) watched.handedOut.length = 0;
      watched.checkBounds();
    }
    watched.checkAll();
    expect(watched.store.counts().evictions).toBeGreaterThan(1_000);
  });

  it("keeps what is served before what is not", () => {
    const store = new EntryStore(100_000);
    const put = (at: number) => store.put(`k${at}`, entryOf(`k${at}`, 1, 200), 1, undefined);
    for (let at = 0; at < 100; at += 1) put(at);
    for (let at = 100; at < 5_000; at += 1) {
      for (let served = 0; served < 20; served += 1) store.visit(store.find(`k${served}`));
      put(at);
    }
    const left = Array.from({ length: 100 }, (_, at) => store.find(`k${at}`) !== 0);
    expect(left.slice(0, 20).every(Boolean)).toBe(true);
    expect(left.slice(20).some(Boolean)).toBe(false);
  });

  it("puts nobody out while what is dead makes room", () => {
    const store = new EntryStore(200_000);
    for (let at = 0; at < 300; at += 1) store.put(`k${at}`, entryOf(`k${at}`, 1, 200), 1, undefined);
    // One entry is changed again and again: the room of its dead records is that of twenty caches.
    for (let version = 0; version < 16_000; version += 1)
      store.put("hot", entryOf("hot", version, 200), 1, undefined);
    expect(store.counts()).toMatchObject({ entries: 301, evictions: 0 });
  });

  it("changes over between small and long bodies without losing its bound or its room", () => {
    const watched = new Watched(1_000_000);
    const present = (kind: string, count: number) =>
      Array.from({ length: count }, (_, at) => watched.store.find(kind + at) !== 0).filter(Boolean).length;
    for (let round = 0; round < 3; round += 1) {
      for (let at = 0; at < 6_000; at += 1) {
        watched.put(`s${at}`, 200);
        watched.checkBounds();
      }
      expect(present("s", 6_000)).toBeGreaterThan(2_500);
      for (let at = 0; at < 200; at += 1) {
        watched.put(`l${at}`, 20_000);
        watched.checkBounds();
      }
      expect(present("l", 200)).toBeGreaterThan(35);
      watched.checkAll();
    }
  });

  it("refuses what can never fit, and nothing else", () => {
    const watched = new Watched(65_536);
    expect(watched.put("k", 60_000)).toBe(true);
    expect(watched.put("k", 64_000)).toBe(false);
    expect(watched.put("k".repeat(10_000), 10)).toBe(false);
    expect(watched.put("k".repeat(1_500), 10)).toBe(true);
    watched.checkAll();
  });
});
