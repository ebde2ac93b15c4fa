/** The commands as a user runs them: real processes, real sockets, DynamoDB Local behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { httpCall } from "../../src/cli/http-call.ts";
import { mustCall } from "../support/raw-client.ts";
import { createTable, HASH_ONLY } from "../support/tables.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Waits for a text on standard output or standard error and answers its first group. */
  waitFor(pattern: RegExp): Promise<string>;
  exit(): Promise<{ code: number | null; output: string }>;
}

function start(...argv: string[]): Running {
  const child = spawn(process.execPath, ["src/main.ts", ...argv], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOME: "/nonexistent",
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let output = "";
  const exited = once(child, "close");
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const waitFor = async (pattern: RegExp) => {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const found = pattern.exec(output);
      if (found) return found[1] ?? found[0];
      if (Date.now() > deadline || child.exitCode !== null) throw new Error(`no ${pattern} in:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return { child, output: () => output, waitFor, exit: async () => ({ code: (await exited)[0], output }) };
}

const upstream = () => `--upstream=${inject("dynamoDbLocalUrl")}`;
const FREE = ["--port=0", "--admin-port=0"];

describe("serve", () => {
  test("prints where it listens, answers, drains on SIGTERM and exits 0", async () => {
    const proxy = start("serve", upstream(), ...FREE);
    const url = await proxy.waitFor(/DynamoDB endpoint +(http:\S+)/);
    expect(await proxy.waitFor(/AWS_ENDPOINT_URL_DYNAMODB=(\S+)/)).toBe(url);
    const health = await httpCall(new URL(url), { method: "GET", timeoutMs: 5000 });
    expect(health).toMatchObject({ status: 200, text: expect.stringContaining("healthy: dynamodb") });
    proxy.child.kill("SIGTERM");
    const { code, output } = await proxy.exit();
    expect(output).toContain("Draining");
    expect(code).toBe(0);
  });

  test("is the command when none is named; SIGINT stops it too", async () => {
    const proxy = start(upstream(), ...FREE);
    await proxy.waitFor(/DynamoDB endpoint/);
    proxy.child.kill("SIGINT");
    expect(await proxy.exit()).toMatchObject({ code: 0 });
  });

  test("a second signal stops at once; two in the same moment are one", async () => {
    // An upstream that accepts and never answers keeps a request under way.
    const silent = createServer((socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const proxy = start("serve", `--upstream=http://127.0.0.1:${port}`, "--request-timeout-ms=60s", ...FREE);
    const url = await proxy.waitFor(/DynamoDB endpoint +(http:\S+)/);
    const arrived = once(silent, "connection");
    const unanswered = mustCall(url, "ListTables", {}).catch(() => "unanswered");
    await arrived;
    const began = performance.now();
    proxy.child.kill("SIGTERM");
    proxy.child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(proxy.child.exitCode).toBeNull();
    proxy.child.kill("SIGTERM");
    expect(await proxy.exit()).toMatchObject({ code: 1 });
    expect(performance.now() - began).toBeLessThan(5000);
    expect(await unanswered).toBe("unanswered");
    silent.close();
  });

  test.each([
    ["--port", "--admin-port=0"],
    ["--admin-port", "--port=0"],
  ])("a port in use (%s) is one line, exit code 1", async (flag, other) => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const address = holder.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const { code, output } = await start("serve", upstream(), `${flag}=${port}`, other).exit();
    holder.close();
    expect(output).toBe(
      `dynatier: 127.0.0.1:${port} is in use by another program; choose another port with ${flag}\n`,
    );
    expect(code).toBe(1);
  });
});

describe("demo", () => {
  test("--once shows a miss, hits, a write and the fresh reads after it, and exits 0", async () => {
    const { code, output } = await start("demo", "--once", ...FREE).exit();
    expect(output).toMatch(/GetItem, one order +miss/);
    expect(output).toMatch(/GetItem, the same order again +hit/);
    expect(output).toMatch(/Query, all orders of a customer +miss/);
    expect(output).toMatch(/Query, the same again +hit/);
    expect(output).toMatch(/UpdateItem, .* +write/);
    expect(output).toMatch(/1,000 hits.*p50 .*(µs|ms), p99/);
    expect(Number(/saved so far: ([\d.]+)/.exec(output)?.[1])).toBeGreaterThanOrEqual(500);
    expect(code).toBe(0);
  });

  test("an answer that is not the expected one ends it with exit code 1", async () => {
    const { code, output } = await start("demo", "--once", "--item-ttl-ms=0", ...FREE).exit();
    expect(output).toContain("dynatier: expected a miss, but x-dynatier-cache says “pass");
    expect(code).toBe(1);
  });

  test("without --once it stays up on other ports if the usual ones are taken, and drains", async () => {
    const first = start("demo");
    await first.waitFor(/stays up until/);
    const second = start("demo");
    await second.waitFor(/Port 8100 is in use/);
    await second.waitFor(/Port 8180 is in use/);
    const url = await second.waitFor(/DynamoDB endpoint +(http:\S+)/);
    await second.waitFor(/stays up until/);
    expect(second.output()).toContain(`--endpoint-url ${url}`);
    for (const { child } of [first, second]) child.kill("SIGTERM");
    expect((await first.exit()).code).toBe(0);
    expect((await second.exit()).code).toBe(0);
  });
});

describe("on a table", () => {
  let table: string;
  beforeAll(async () => {
    table = await createTable(inject("dynamoDbLocalUrl"), HASH_ONLY);
  });
  const request = () => JSON.stringify({ TableName: table, Key: { pk: { S: "1" } } });

  test("explain prints the plan, as lines and as JSON", async () => {
    const lines = await start("explain", request(), "--target=GetItem", upstream()).exit();
    expect(lines).toMatchObject({ code: 0, output: expect.stringMatching(/^operation +GetItem\n/) });
    const full = ["explain", "--target", "DynamoDB_20120810.GetItem", "--json", upstream(), request()];
    const json = await start(...full).exit();
    expect(json.code).toBe(0);
    expect(Object.keys(JSON.parse(json.output)).length).toBeGreaterThan(1);
  });

  test("check reports the table and exits 0", async () => {
    const { code, output } = await start("check", upstream()).exit();
    expect(output).toMatch(/^Settings {2}sound; given: upstream \(--upstream\)\nUpstream/);
    expect(output).toMatch(new RegExp(`^${table} `, "m"));
    expect(code).toBe(0);
  });

  test("check reports an upstream that does not answer and exits 1", async () => {
    const { code, output } = await start("check", "--upstream=http://127.0.0.1:9").exit();
    expect(output).toMatch(/problem/);
    expect(code).toBe(1);
  });

  test("invalidate reaches a running proxy; a wrong token and a wrong port are said plainly", async () => {
    const token = "--admin-token=0123456789abcdef";
    const proxy = start("serve", upstream(), token, ...FREE);
    const admin = `--admin-url=${await proxy.waitFor(/admin, metrics +(http:\S+)/)}`;
    const key = '--key={"pk":{"S":"1"}}';
    const item = await start("invalidate", `--table=${table}`, key, admin, token, upstream()).exit();
    expect(item).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^Invalidated the item .* in [\d.]+ ms\.\n$/),
    });
    const all = await start("invalidate", "--everything", admin, token, upstream()).exit();
    expect(all).toMatchObject({ code: 0, output: expect.stringMatching(/^Invalidated everything/) });
    const refused = await start("invalidate", "--everything", admin, upstream()).exit();
    expect(refused).toMatchObject({
      code: 1,
      output: expect.stringMatching(/answered 401 .*DYNATIER_ADMIN_TOKEN/),
    });
    const nobody = await start(
      "invalidate",
      "--everything",
      "--admin-url=http://127.0.0.1:9",
      upstream(),
    ).exit();
    expect(nobody).toMatchObject({
      code: 1,
      output: expect.stringMatching(/no answer from http:\/\/127\.0\.0\.1:9/),
    });
  });
});
