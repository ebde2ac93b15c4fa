/** Loading: precedence of the sources, all problems at once, and what must hold between settings. */
import { describe, expect, test } from "vitest";
import { type Loaded, loadSettings } from "../../../src/config/load.ts";
import type { Settings } from "../../../src/config/settings.ts";

/** A file system of these files and no others. */
function files(texts: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    if (Object.hasOwn(texts, path)) return texts[path]!;
    throw Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: "ENOENT" });
  };
}

const LOCAL = { DYNATIER_UPSTREAM: "http://localhost:8000" };

function settingsOf(loaded: Loaded): Settings {
  if (loaded.problems !== undefined) throw new Error(loaded.problems.join("\n"));
  return loaded.settings;
}

async function problemsOf(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = LOCAL,
  texts: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  return (await loadSettings(argv, env, files(texts))).problems ?? [];
}

describe("sources", () => {
  test("file < environment < flags", async () => {
    const texts = { "dynatier.yaml": "port: 1\nadminPort: 1\nitemTtlMs: 1\nqueryTtlMs:\n" };
    const env = { ...LOCAL, DYNATIER_ADMIN_PORT: "2", DYNATIER_ITEM_TTL_MS: "2", DYNATIER_HOST: "" };
    const loaded = await loadSettings(["--item-ttl-ms", "3"], env, files(texts));
    expect(settingsOf(loaded)).toMatchObject({
      port: 1,
      adminPort: 2,
      itemTtlMs: 3,
      queryTtlMs: 300_000,
      host: "127.0.0.1",
      config: "dynatier.yaml",
    });
    if (loaded.problems !== undefined) throw new Error("unreachable");
    const from = ["port", "adminPort", "itemTtlMs", "host"].map((name) =>
      loaded.sources.get(name as keyof Settings),
    );
    expect(from).toEqual(["file", "environment", "flag", "default"]);
  });

  test("both spellings of a flag, with = or a space; switches alone", async () => {
    const argv = ["--itemTtlMs=5s", "--query-ttl-ms", "1m", "--host=0.0.0.0", "--insecure", "--port", "0"];
    expect(settingsOf(await loadSettings(argv, LOCAL, files({})))).toMatchObject({
      itemTtlMs: 5000,
      queryTtlMs: 60_000,
      host: "0.0.0.0",
      insecure: true,
      port: 0,
    });
  });

  test("a file that was named must exist; the usual one need not", async () => {
    expect(await problemsOf(["--config", "other.yaml"])).toEqual([
      "other.yaml cannot be read (no such file)",
    ]);
    expect(await problemsOf([])).toEqual([]);
    const texts = { "other.yaml": "port: 9" };
    const env = { ...LOCAL, DYNATIER_CONFIG: "other.yaml" };
    expect(settingsOf(await loadSettings([], env, files(texts)))).toMatchObject({
      port: 9,
      config: "other.yaml",
    });
  });

  test("an empty file is fine; a list, a broken text and `config` in the file are problems", async () => {
    expect(await problemsOf([], LOCAL, { "dynatier.yaml": "# nothing\n" })).toEqual([]);
    expect(await problemsOf([], LOCAL, { "dynatier.yaml": "- port" })).toEqual([
      "dynatier.yaml must hold `name: value` lines",
    ]);
    expect((await problemsOf([], LOCAL, { "dynatier.yaml": "port: [1" })).join()).toMatch(
      /dynatier\.yaml: .*line 1/,
    );
    expect((await problemsOf([], LOCAL, { "dynatier.yaml": "port: 1\nport: 2" })).join()).toMatch(/unique/);
    expect(await problemsOf([], LOCAL, { "dynatier.yaml": "config: x" })).toEqual([
      "`config` cannot be set in the file itself (dynatier.yaml)",
    ]);
  });

  test("variables that Kubernetes adds for a Service named dynatier are not ours", async () => {
    const env = {
      ...LOCAL,
      DYNATIER_SERVICE_HOST: "10.0.0.1",
      DYNATIER_SERVICE_PORT: "8100",
      DYNATIER_SERVICE_PORT_HTTP: "8100",
      DYNATIER_PORT: "tcp://10.0.0.1:8100",
      DYNATIER_PORT_8100_TCP: "tcp://10.0.0.1:8100",
      DYNATIER_PORT_8100_TCP_ADDR: "10.0.0.1",
      DYNATIER_ADMIN_PORT: "tcp://10.0.0.2:8180",
    };
    expect(settingsOf(await loadSettings([], env, files({})))).toMatchObject({ port: 8100, adminPort: 8180 });
  });
});

test("all problems at once, each with its source and the nearest name", async () => {
  const env = { ...LOCAL, DYNATIER_ITEM_TTL: "5", DYNATIER_SETTLE_MS: "soon" };
  const texts = {
    "dynatier.yaml": "prot: 1\n__proto__: 2\nredis: http://:pw@x\ntables:\n  - match: a\n    cash: off\n",
  };
  const problems = await problemsOf(
    ["--quary-ttl-ms=1", "stray", "--drain-ms", "--bogusnonsense"],
    env,
    texts,
  );
  expect(problems).toEqual([
    "`prot` is not a setting; did you mean `port`? (dynatier.yaml)",
    "`__proto__` is not a setting; did you mean `port`? (dynatier.yaml)",
    "DYNATIER_ITEM_TTL is not a known environment variable; did you mean DYNATIER_ITEM_TTL_MS?",
    "--quary-ttl-ms is not a known flag; did you mean --query-ttl-ms?",
    "--drain-ms needs a value",
    "--bogusnonsense is not a known flag; see dynatier --help",
    "unexpected argument “stray”; flags begin with --",
    '`settleMs` must be milliseconds from 0 to 10 min, not "soon" (DYNATIER_SETTLE_MS)',
    "`tables[0].cash` is not a part of a rule; did you mean cache? (dynatier.yaml)",
    "`redis` must begin with one of redis://, rediss://, redis-cluster://, rediss-cluster://, redis-sentinel:// (dynatier.yaml)",
  ]);
});

describe("what must hold between settings", () => {
  test.each([
    [["--host", "0.0.0.0"], /`host` 0.0.0.0 can be reached.*insecure: true/],
    [["--host", "::"], /`host` ::/],
    [["--host", "example.com"], /`host` example.com/],
    [["--admin-host", "10.0.0.5"], /`adminHost` 10.0.0.5.*adminToken/],
    [["--tls-key", "k"], /`tlsKey` needs `tlsCert`/],
    [["--tls-client-ca", "c"], /`tlsClientCa` needs/],
    [["--aws-endpoint-mode", "account"], /needs `awsAccountId`/],
    [["--port", "8180"], /both 8180/],
    [["--upstream", "http://localhost:8100"], /address that dynatier itself listens on/],
    [["--entry-bytes-max", "2MiB", "--cache-bytes-max", "1MiB"], /more than `cacheBytesMax`/],
    [
      ["--entry-bytes-max", "1MiB", "--cache-bytes-max", "3MiB", "--workers", "4"],
      /more than one of 4 workers has of `cacheBytesMax`/,
    ],
  ])("%j is refused", async (argv, message) => {
    expect((await problemsOf(argv)).join("\n")).toMatch(message);
  });

  test.each([
    [["--host", "0.0.0.0", "--insecure"]],
    [["--host", "127.0.0.2"]],
    [["--host", "localhost"]],
    [["--host", "::1"]],
    [["--admin-host", "10.0.0.5", "--admin-token", "0123456789abcdef"]],
    [["--aws-endpoint-mode", "account", "--aws-account-id", "012345678901"]],
    [["--port", "0", "--admin-port", "0"]],
  ])("%j is accepted", async (argv) => {
    expect(await problemsOf(argv)).toEqual([]);
  });

  test("a wrong setting is complained of once: checks that build on it are left out", async () => {
    const problems = await problemsOf(["--host", "not a host"]);
    expect(problems).toHaveLength(1);
  });

  test("entryBytesMax, if unset, is never more than the cache", async () => {
    const loaded = await loadSettings(["--cache-bytes-max", "1MiB"], LOCAL, files({}));
    expect(settingsOf(loaded).entryBytesMax).toBe(1024 * 1024);
  });
});

describe("region", () => {
  const aws = { DYNATIER_UPSTREAM: "aws" };
  const config =
    "[default]\nregion = eu-west-1\n[profile work]\ns3 =\n  region = nested\nregion=eu-north-1 # home\n";
  const regionOf = async (
    env: Readonly<Record<string, string>>,
    texts: Readonly<Record<string, string>> = {},
  ) => settingsOf(await loadSettings([], env, files(texts))).region;

  test("the setting, then AWS_REGION, then AWS_DEFAULT_REGION, then the profile", async () => {
    const env = { ...aws, AWS_REGION: "r1", AWS_DEFAULT_REGION: "r2", HOME: "/h" };
    const texts = { "/h/.aws/config": config };
    expect(await regionOf({ ...env, DYNATIER_REGION: "r0" }, texts)).toBe("r0");
    expect(await regionOf(env, texts)).toBe("r1");
    expect(await regionOf({ ...env, AWS_REGION: "" }, texts)).toBe("r2");
    expect(await regionOf({ ...aws, HOME: "/h" }, texts)).toBe("eu-west-1");
    expect(await regionOf({ ...aws, HOME: "/h", AWS_PROFILE: "work" }, texts)).toBe("eu-north-1");
    expect(await regionOf({ ...aws, AWS_CONFIG_FILE: "/c" }, { "/c": config })).toBe("eu-west-1");
  });

  test("none: a problem for AWS, us-east-1 for a URL and for embedded", async () => {
    expect((await problemsOf([], aws)).join()).toMatch(/`region` is not known: set it, or AWS_REGION/);
    expect(await regionOf(LOCAL)).toBe("us-east-1");
    expect(await regionOf({ DYNATIER_UPSTREAM: "embedded" })).toBe("us-east-1");
  });
});
