/** Addresses of Redis: what is understood, what is refused, and that nothing repeats a password. */

import { describe, expect, it } from "vitest";
import { parseRedisUrl, redisProblem } from "../../../src/util/redis-address.ts";

describe("redis addresses", () => {
  it("understands every form", () => {
    expect(parseRedisUrl("redis://cache")).toEqual({
      mode: "single",
      isTls: false,
      nodes: [{ host: "cache", port: 6379 }],
      user: undefined,
      password: undefined,
      db: 0,
      masterName: undefined,
    });
    expect(parseRedisUrl("rediss://me:p%40ss%3A@[::1]:7000/3")).toMatchObject({
      mode: "single",
      isTls: true,
      nodes: [{ host: "::1", port: 7000 }],
      user: "me",
      password: "p@ss:",
      db: 3,
    });
    expect(parseRedisUrl("rediss-cluster://:a@b@one:1,two")).toMatchObject({
      mode: "cluster",
      isTls: true,
      nodes: [
        { host: "one", port: 1 },
        { host: "two", port: 6379 },
      ],
      user: undefined,
      password: "a@b",
    });
    expect(parseRedisUrl("redis-sentinel://one,two:5/main/2")).toMatchObject({
      mode: "sentinel",
      nodes: [
        { host: "one", port: 26379 },
        { host: "two", port: 5 },
      ],
      masterName: "main",
      db: 2,
    });
  });

  const wrong: [string, RegExp][] = [
    ["", /must begin with/],
    ["http://cache", /must begin with/],
    ["redis:cache", /must begin with/],
    ["redis://", /needs host/],
    ["redis://a,b", /several hosts/],
    ["redis://a:0", /port/],
    ["redis://a:70000", /port/],
    ["redis://a:x", /needs host/],
    ["redis://a/x", /database/],
    ["redis://a/1/2", /database/],
    ["redis://a?tls=1", /\?/],
    ["redis-cluster://a/1", /Cluster has only 0/],
    ["redis-cluster://a,,b", /needs host/],
    ["redis-sentinel://a", /master's name/],
    ["redis://me@a", /without a password/],
    ["redis://:%zz@a", /percent-encoded/],
  ];
  it.each(wrong)("refuses %s", (url, why) => {
    expect(redisProblem(url)).toMatch(why);
  });

  it("keeps passwords to itself", () => {
    for (const rest of ["", "a:99999", "a,b", "a/x", "a?x"]) {
      expect(redisProblem(`redis://me:secret@${rest}`)).not.toMatch(/secret|^undefined$/);
    }
    expect(redisProblem("redis://me:secret@a")).toBeUndefined();
  });
});
