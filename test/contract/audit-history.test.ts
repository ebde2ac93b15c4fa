// The auditor's judgement of one key: what each promise allows, for several nodes, and while an outcome is in doubt.

import { beforeEach, expect, it } from "vitest";
import { KeyHistory, type Look, type Verdict, type Via } from "../support/audit-history.ts";

const boundMs = 1000;
let history: KeyHistory;
let order: number;

beforeEach(() => {
  history = new KeyHistory("a/1", boundMs);
  order = 0;
});

function wrote(
  text: string | undefined,
  ackedAtMs: number,
  via: Via = "through",
  node = "A",
  sentAtMs = 0,
): void {
  order += 1;
  history.add({ order, text, kind: text?.[0], via, node, sentAtMs, ackedAtMs, shownAtMs: new Map() });
}

function look(text: string | undefined, startedAtMs: number, over: Partial<Look> = {}): Verdict {
  const rest = {
    isStrong: false,
    isItem: true,
    isIndex: false,
    node: "A",
    endedAtMs: startedAtMs + 1,
    ...over,
  };
  return history.look({ startedAtMs, matches: (state) => state.text === text, ...rest });
}

function rule(text: string | undefined, startedAtMs: number, over: Partial<Look> = {}): string | undefined {
  return look(text, startedAtMs, over).broken;
}

it("a node shows at once what was written through it", () => {
  wrote("x1", 100);
  expect(rule(undefined, 100)).toBeUndefined();
  expect(rule(undefined, 101)).toMatch(/^same node: older than a write/);
  expect(rule("x1", 101)).toBeUndefined();
});

it("another node, another life of it, and whoever is written around have the bound", () => {
  wrote("x1", 100);
  wrote("x2", 100, "around", "");
  expect(rule("x1", 1100)).toBeUndefined();
  expect(rule("x1", 1101)).toMatch(/^around/);
  expect(rule(undefined, 1100, { node: "B" })).toBeUndefined();
  expect(rule(undefined, 1101, { node: "B" })).toMatch(/^another node/);
});

it("a strong read shows the newest, and what it has shown binds its node, for items", () => {
  wrote("x1", 100, "around", "");
  expect(rule(undefined, 101, { isStrong: true })).toMatch(/^strong read/);
  history.latest.shownAtMs.set("A", 150);
  expect(rule(undefined, 151)).toMatch(/^same node: older than a strong read/);
  expect(rule(undefined, 151, { isItem: false })).toBeUndefined();
  expect(rule(undefined, 151, { node: "B" })).toBeUndefined();
});

it("what was sent after a read had ended is neither what it saw nor what it missed, however late it is judged", () => {
  wrote("x1", 100);
  wrote(undefined, 200);
  wrote("x2", 300, "through", "A", 250);
  wrote(undefined, 400, "through", "A", 350);
  // Judged at 1000, as it had to wait for a write that was under way all the time.
  expect(look(undefined, 210, { isStrong: true, endedAtMs: 240 })).toMatchObject({
    seen: { order: 2 },
    surelySeen: { order: 2 },
    missed: [],
  });
  expect(rule("x1", 210, { endedAtMs: 240 })).toMatch(/^same node/);
});

it("a strong read that may have seen either of two equal states binds its node to the older one", () => {
  wrote(undefined, 100);
  wrote("x1", 300, "through", "B", 220);
  wrote(undefined, 400, "through", "B", 310);
  const verdict = look(undefined, 200, { isStrong: true, endedAtMs: 500 });
  expect([verdict.seen?.order, verdict.surelySeen?.order]).toEqual([3, 1]);
  // What was acknowledged before it began cannot be what it missed.
  expect(look(undefined, 350, { isStrong: true, endedAtMs: 500 }).surelySeen?.order).toBe(3);
});

it("out of which index partition others have just moved an item, a node's own write cannot know", () => {
  wrote("x1", 0);
  wrote("y2", 500, "through", "B");
  wrote("y3", 600, "through", "A");
  expect(rule("x1", 700)).toMatch(/^same node/);
  expect(rule("x1", 700, { isItem: false, isIndex: true })).toBeUndefined();
  expect(rule("x1", 1501, { isItem: false, isIndex: true })).toMatch(/^another node/);
  // Nobody else was in between.
  expect(rule("y2", 700, { isItem: false, isIndex: true })).toMatch(/^same node/);
});

it("what never was is seen; but nothing is judged from a lost outcome until the bound after it was found out", () => {
  wrote("x1", 0);
  expect(rule("x9", 100)).toBe("never was");
  expect(history.isJudged(100)).toBe(true);
  history.doubt();
  expect([history.isDoubtful, history.isJudged(1e9)]).toEqual([true, false]);
  const beforeMs = performance.now();
  history.resolve({ version: 2, text: "x2", kind: "x" });
  expect(history.isDoubtful).toBe(false);
  expect(history.isJudged(beforeMs + boundMs - 1)).toBe(false);
  const fromMs = performance.now() + boundMs + 1;
  expect(history.isJudged(fromMs)).toBe(true);
  expect(rule("x1", fromMs)).toMatch(/^around/);
  expect(rule("x2", fromMs)).toBeUndefined();
});

it("a doubt that ends in what was known adds nothing; one that ends in absence is newer than what was there", () => {
  wrote("x1", 0);
  history.doubt();
  history.resolve({ version: 1, text: "x1", kind: "x" });
  expect(history.latest.order).toBe(1);
  history.doubt();
  history.resolve({ version: undefined, text: undefined, kind: undefined });
  expect(history.latest).toMatchObject({ order: 1.5, text: undefined });
});
