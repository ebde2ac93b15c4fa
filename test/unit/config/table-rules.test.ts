/** Rules for tables: how they are read, which one applies, and what it gives. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SETTINGS, settingsWith } from "../../../src/config/settings.ts";
import { globMatches, ruleFor } from "../../../src/config/table-rules.ts";

describe("ruleFor", () => {
  const settings = settingsWith({
    itemTtlMs: 111,
    tables: [
      { match: "sessions", cache: "off" },
      { match: "orders-*", cache: "shadow", itemTtlMs: 0, queryCoherence: "ttl" },
      { match: "*", settleMs: 9 },
    ],
  });

  test("the first match wins and defaults come from the top level", () => {
    expect(ruleFor("sessions", settings)).toEqual({
      cache: "off",
      itemTtlMs: 111,
      queryTtlMs: 300_000,
      negativeTtlMs: 60_000,
      queryCoherence: "tags",
      settleMs: 2000,
      indexSettleMs: 5000,
      bypassProjections: false,
      match: "sessions",
    });
    expect(ruleFor("orders-eu", settings)).toMatchObject({
      cache: "shadow",
      itemTtlMs: 0,
      queryCoherence: "ttl",
    });
    expect(ruleFor("users", settings)).toMatchObject({ cache: "on", settleMs: 9, match: "*" });
  });

  test("no rule: the top level alone", () => {
    expect(ruleFor("users", settingsWith())).toMatchObject({
      cache: "on",
      match: undefined,
      itemTtlMs: 300_000,
    });
  });

  test("remembers, but not more names than tablesMax", () => {
    const bounded = settingsWith({ tablesMax: 2 });
    const first = ruleFor("a", bounded);
    expect(ruleFor("a", bounded)).toBe(first);
    ruleFor("b", bounded);
    ruleFor("c", bounded);
    const again = ruleFor("a", bounded);
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
  });

  test("names of prototype members are ordinary names", () => {
    for (const name of ["__proto__", "constructor", "toString"])
      expect(ruleFor(name, settingsWith()).cache).toBe("on");
  });
});

describe("globs", () => {
  test.each([
    ["orders", "orders", true],
    ["orders", "Orders", false],
    ["orders*", "orders", true],
    ["*-prod", "a-prod-b-prod", true],
    ["*-prod", "a-prod-b", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["a*b*c", "aXbYc", true],
    ["a*b*c", "aXcYb", false],
    ["a.c", "abc", false],
    ["?", "", false],
    ["**", "", true],
  ])("%s on %s: %s", (glob, name, expected) => {
    expect(globMatches(glob, name)).toBe(expected);
  });

  test("equals a regular expression on all short inputs", () => {
    const text = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 8 });
    fc.assert(
      fc.property(text("ab*?"), text("ab"), (glob, name) => {
        const pattern = new RegExp(`^${glob.replaceAll("*", ".*").replaceAll("?", ".")}$`);
        expect(globMatches(glob, name)).toBe(pattern.test(name));
      }),
      { numRuns: 2000 },
    );
  });

  test("many stars take no exponential time", () => {
    const began = performance.now();
    expect(globMatches(`${"a*".repeat(120)}b`, "a".repeat(255))).toBe(false);
    expect(performance.now() - began).toBeLessThan(200);
  });
});

describe("reading rules", () => {
  test("a full rule, from YAML or as JSON text", () => {
    const rules = [
      { match: "o*", cache: "shadow", itemTtlMs: "5s", queryCoherence: "ttl", bypassProjections: ["id"] },
      { match: "x", cache: false },
    ];
    const value = [
      { ...rules[0], itemTtlMs: 5000 },
      { match: "x", cache: "off" },
    ];
    expect(SETTINGS.tables.parse(rules)).toEqual({ value });
    expect(SETTINGS.tables.parse(JSON.stringify(rules))).toEqual({ value });
  });

  test("every complaint at once, with the rule's index and the nearest key", () => {
    const { problems } = SETTINGS.tables.parse([
      { match: "ok", itemTtl: 5 },
      { cache: "offf" },
      "orders",
      { match: "a b", negativeTtlMs: -1, bypassProjections: [""] },
      { match: "x", port: 80 },
    ]);
    expect(problems).toEqual([
      { path: "[0].itemTtl", message: "is not a part of a rule; did you mean itemTtlMs?" },
      { path: "[1].cache", message: 'must be on, off or shadow, not "offf"' },
      { path: "[1]", message: "needs `match`, a table name or a glob" },
      { path: "[2]", message: 'must be a mapping, not "orders"' },
      { path: "[3].match", message: 'must be a table name or a glob with `*` and `?`, not "a b"' },
      { path: "[3].negativeTtlMs", message: "must be milliseconds from 0 to 30 d, not -1" },
      { path: "[3].bypassProjections", message: "must be true, false or a list of projections, not a list" },
      expect.objectContaining({ path: "[4].port" }),
    ]);
  });

  test("a null `match` is a missing one", () => {
    expect(SETTINGS.tables.parse([{ match: null }])).toEqual({
      problems: [{ path: "[0]", message: "needs `match`, a table name or a glob" }],
    });
  });
});
