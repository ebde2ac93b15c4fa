/** Taking the command line apart, the nearest name, loopback addresses, and what a failed start says. */
import { describe, expect, test } from "vitest";
import { describeStartFailure } from "../../../src/cli/start-failure.ts";
import { parseFlags } from "../../../src/config/flags.ts";
import { isLoopbackHost } from "../../../src/config/loopback.ts";
import { editDistance, nearest } from "../../../src/config/nearest.ts";
import { profileRegion } from "../../../src/config/region.ts";

describe("parseFlags", () => {
  const own = { once: "switch", target: "value" } as const;

  test("settings, own options and what stands alone", () => {
    const flags = parseFlags(
      ['{"a":1}', "--target", "GetItem", "--port=1", "--insecure", "--once", "x"],
      own,
    );
    expect(flags).toEqual({
      settings: new Map([
        ["port", "1"],
        ["insecure", "true"],
      ]),
      options: new Map([
        ["target", "GetItem"],
        ["once", "true"],
      ]),
      positionals: ['{"a":1}', "x"],
      problems: [],
    });
  });

  test("the last of several counts; a value may hold = signs; -- ends the flags", () => {
    const flags = parseFlags(["--host=a", "--host=b=c", "--", "--port", "1"]);
    expect(flags.settings).toEqual(new Map([["host", "b=c"]]));
    expect(flags.positionals).toEqual(["--port", "1"]);
  });

  test("a negative number is a value, another flag is not", () => {
    expect(parseFlags(["--port", "-1"]).settings.get("port")).toBe("-1");
    expect(parseFlags(["--port", "--host", "a"]).problems).toEqual(["--port needs a value"]);
  });

  test("own options are not known to other commands; one dash is no flag; its value is not repeated", () => {
    expect(parseFlags(["--onc"], own).problems).toEqual(["--onc is not a known flag; did you mean --once?"]);
    expect(parseFlags(["-p", "80"]).problems).toEqual(["-p is not a known flag; see dynatier --help"]);
    expect(parseFlags(["--admin-tokn=hunter2"]).problems.join()).not.toContain("hunter2");
    expect(parseFlags(["--admin-tokn", "hunter2"])).toMatchObject({ positionals: [] });
  });

  test("names of prototype members are not flags", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      expect(parseFlags([`--${name}=1`], own)).toMatchObject({ problems: [expect.stringContaining(name)] });
    }
  });
});

test("nearest: typing errors, swaps, case and dashes, but nothing far-fetched", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("ab", "ba")).toBe(1);
  expect(editDistance("", "abc")).toBe(3);
  const names = ["itemTtlMs", "queryTtlMs", "port", "adminPort"];
  expect(nearest("item-ttl", names)).toBe("itemTtlMs");
  expect(nearest("ITEM_TTL_MS", names)).toBe("itemTtlMs");
  expect(nearest("prot", names)).toBe("port");
  expect(nearest("completelyDifferent", names)).toBeUndefined();
  expect(nearest("x".repeat(100_000), names)).toBeUndefined();
});

test.each([
  ["127.0.0.1", true],
  ["127.8.9.1", true],
  ["localhost", true],
  ["LOCALHOST", true],
  ["::1", true],
  ["[::1]", true],
  ["0.0.0.0", false],
  ["::", false],
  ["127.0.0.1.example.com", false],
  ["127.evil.example", false],
  ["10.0.0.1", false],
  ["localhost.example.com", false],
  ["", false],
])("isLoopbackHost(%j) is %s", (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});

test("the profile's region is its own, not a nested one and not another profile's", () => {
  const config =
    "[profile a]\nregion=r-a\n[ profile  b ]\ns3 =\n    region = nested\n\n[default]\r\nregion = r-d\r\n";
  expect(profileRegion(config, "a")).toBe("r-a");
  expect(profileRegion(config, "b")).toBeUndefined();
  expect(profileRegion(config, "default")).toBe("r-d");
  expect(profileRegion(config, "c")).toBeUndefined();
});

test("a failed start says which port, and which flag changes it", () => {
  const failure = (fields: object) => Object.assign(new Error("raw"), { syscall: "listen" }, fields);
  const settings = { adminPort: 8180 };
  const inUse = { code: "EADDRINUSE", address: "127.0.0.1" };
  expect(describeStartFailure(failure({ ...inUse, port: 8100 }), settings)).toBe(
    "127.0.0.1:8100 is in use by another program; choose another port with --port",
  );
  expect(describeStartFailure(failure({ ...inUse, port: 8180 }), settings)).toMatch(/--admin-port$/);
  expect(describeStartFailure(new Error("first\nsecond"), settings)).toBe("first");
  expect(describeStartFailure(failure({ code: "EOTHER" }), settings)).toBe("raw");
});
