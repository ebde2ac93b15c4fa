// The real process: it drains on SIGTERM, and after a restart nothing old is left.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:http";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, inject, it } from "vitest";
import { cacheOf, until, useBench } from "../support/bench.ts";
import { startCountingUpstream } from "../support/counting-upstream.ts";
import { startProxy } from "../support/proxy.ts";
import { call } from "../support/raw-client.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const started = new Set<ChildProcess>();

afterEach(() => {
  for (const child of started) child.kill("SIGKILL");
  started.clear();
});

async function serve(...flags: string[]) {
  const child = spawn(process.execPath, ["src/main.ts", "serve", "--port=0", "--admin-port=0", ...flags], {
    cwd: root,
    env: { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.add(child);
  const exited = once(child, "exit").then(([code]) => code as number | null);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const found = await until(
    () => /DynamoDB endpoint +(http:\S+)/.exec(output)?.[1],
    (url) => url !== undefined,
  );
  return { child, url: String(found), exited, output: () => output };
}

const Key = { pk: { S: "1" } };
const bench = useBench();

describe("SIGTERM", () => {
  it("what is under way is answered, new connections are refused, and the exit code is 0", async () => {
    const TableName = await bench.table();
    const Item = { ...Key, v: { S: "x".repeat(1000) } };
    await bench.d("PutItem", { TableName, Item });
    const upstream = await startCountingUpstream(inject("dynamoDbLocalUrl"));
    const proxy = await serve(`--upstream=${upstream.url}`);
    await call(proxy.url, "GetItem", { TableName, Key: { pk: { S: "other" } } });
    const idle = new Agent({ keepAlive: true });
    await call(proxy.url, "ListTables", {}, { agent: idle });

    const hold = upstream.hold((one) => /GetItem|PutItem/.test(one.operation), "after");
    const busy = new Agent({ keepAlive: true });
    const reading = call(proxy.url, "GetItem", { TableName, Key }, { agent: busy });
    const put = { TableName, Item: { ...Item, pk: { S: "written" } } };
    const writing = call(proxy.url, "PutItem", put, { agent: busy });
    await until(
      () => hold.waiting(),
      (count) => count === 2,
    );
    proxy.child.kill("SIGTERM");
    await until(proxy.output, (text) => text.includes("Draining"));
    await until(
      () => call(proxy.url, "ListTables", {}, { agent: new Agent() }).catch((error: Error) => error),
      (answer) => answer instanceof Error,
    );
    expect(proxy.child.exitCode).toBeNull();
    hold.release();
    const [read, written] = await Promise.all([reading, writing]);
    expect([read.status, read.body]).toEqual([200, { Item }]);
    expect([written.status, written.body]).toEqual([200, {}]);
    expect(read.headers.connection).toBe("close");
    expect(await proxy.exited).toBe(0);
    const stored = await bench.d("GetItem", { TableName, Key: { pk: { S: "written" } } });
    expect(stored.body).toEqual({ Item: put.Item });
    for (const agent of [idle, busy]) agent.destroy();
    await upstream.close();
  });

  it("a request that is not answered within drainMs does not keep the process", async () => {
    const upstream = await startCountingUpstream(inject("dynamoDbLocalUrl"));
    const proxy = await serve(`--upstream=${upstream.url}`, "--drain-ms=300", "--request-timeout-ms=60s");
    const hold = upstream.hold("ListTables", "before");
    const agent = new Agent({ keepAlive: true });
    const unanswered = call(proxy.url, "ListTables", {}, { agent }).catch(() => "cut off");
    await hold.arrived;
    proxy.child.kill("SIGTERM");
    expect(await unanswered).toBe("cut off");
    expect(await proxy.exited).not.toBeNull();
    hold.release();
    await upstream.close();
  });
});

describe("a restart", () => {
  it("has nothing of the old memory, on the same port", async () => {
    const TableName = await bench.table();
    const item = (v: string) => ({ ...Key, v: { S: v } });
    await bench.d("PutItem", { TableName, Item: item("old") });
    const upstream = await startCountingUpstream(inject("dynamoDbLocalUrl"));
    const first = await startProxy({ upstream });
    for (let i = 0; i < 2; i++) await call(first.url, "GetItem", { TableName, Key });
    await first.stop();
    await expect(call(first.url, "GetItem", { TableName, Key }, { agent: new Agent() })).rejects.toThrow();
    await bench.d("PutItem", { TableName, Item: item("new") });
    const second = await startProxy({ upstream, settings: { port: Number(new URL(first.url).port) } });
    try {
      expect(second.url).toBe(first.url);
      const reply = await call(second.url, "GetItem", { TableName, Key });
      expect([cacheOf(reply), reply.body]).toEqual(["miss", { Item: item("new") }]);
    } finally {
      await second.stop();
      await upstream.close();
    }
  });
});
