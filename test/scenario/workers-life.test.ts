/** Worker threads start, die, are replaced and stop: others serve on, nothing is stale, no counter goes back. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type App, createApp } from "../../src/app.ts";
import { until } from "../support/bench.ts";
import { type FastUpstream, startFastUpstream, FAST_TABLE as TableName } from "../support/fast-upstream.ts";
import { Connection, pin, threadsOf } from "../support/pinned-client.ts";
import { type SettingValues, settingsFor } from "../support/proxy.ts";
import { readExposition } from "../unit/metrics/exposition.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let upstream: FastUpstream;
let app: App | undefined;
let children: ChildProcess[] = [];
/** The worker threads of the proxy under test, in the order of their start. */
let threads: Worker[] = [];
const onWorker = (thread: Worker) => void threads.push(thread);

beforeEach(async () => {
  upstream = await startFastUpstream();
  threads = [];
  process.on("worker", onWorker);
});

afterEach(async () => {
  process.off("worker", onWorker);
  await app?.stop();
  app = undefined;
  for (const child of children) child.kill("SIGKILL");
  children = [];
  await upstream.close();
});

async function start(settings: SettingValues = {}): Promise<{ url: string; adminUrl: string }> {
  const common = { workers: 2, port: 0, adminPort: 0, logLevel: "silent", drainMs: 500, streams: "off" };
  app = await createApp(await settingsFor({ upstream: upstream.url, ...common, settleMs: 0, ...settings }));
  return app.start();
}

const itemOf = (pk: string, v: number) => ({ pk: { S: pk }, sk: { S: "-" }, v: { N: String(v) } });
const put = (at: Connection, pk: string, v: number) => at.call("PutItem", { TableName, Item: itemOf(pk, v) });

/** The item's number, and how it was answered. */
async function get(at: Connection, pk: string): Promise<{ v: number; cache: string; status: number }> {
  const Key = { pk: { S: pk }, sk: { S: "-" } };
  const { body, cache, status } = await at.call("GetItem", { TableName, Key });
  return { v: Number(/"v":\{"N":"(\d+)"/.exec(body)?.[1]), cache, status };
}

/** Every counter of the process, by its name and labels. */
async function counters(adminUrl: string): Promise<Map<string, number>> {
  const { series } = readExposition(await (await fetch(`${adminUrl}/metrics`)).text());
  const growing = series.filter(({ name }) => /_(total|count|sum|bucket)$/.test(name));
  return new Map(growing.map(({ name, labels, value }) => [`${name} ${JSON.stringify(labels)}`, value]));
}

async function expectNoStepBack(before: Map<string, number>, adminUrl: string): Promise<Map<string, number>> {
  const after = await counters(adminUrl);
  const back = [...before].filter(([name, value]) => (after.get(name) ?? -1) < value);
  expect(back).toEqual([]);
  return after;
}

describe("workers", () => {
  it("a worker that dies with a write under way: nothing is stale, others serve, it is replaced", async () => {
    const { url, adminUrl } = await start({ unknownOutcomeMs: 1500 });
    const [[a], [b]] = (await pin(url, adminUrl, { workers: 2, each: 1 })) as [[Connection], [Connection]];
    await put(a, "late", 1);
    await put(a, "other", 1);
    for (const at of [a, b]) for (const pk of ["late", "other"]) await get(at, pk);
    expect(await get(b, "late")).toMatchObject({ v: 1, cache: expect.stringContaining("hit") });
    let shown = await counters(adminUrl);

    // The write has been sent and its reply will never come; then the worker that waits for it dies.
    const lost = a.call("PutItem", { TableName, Item: { ...itemOf("late", 2), hold: { S: "yes" } } });
    await upstream.lateArrived();
    await Promise.all([threads[0]?.terminate(), expect(lost).rejects.toThrow("closed")]);
    const replaced = until(
      () => threadsOf(adminUrl),
      ([first]) => first?.restarts === 1 && first.state === "serving",
    );
    // It may land at any time until unknownOutcomeMs have passed. What is read before that must not be kept.
    await until(
      () => get(b, "late"),
      ({ cache }) => !cache.startsWith("hit"),
    );
    for (let i = 0; i < 50; i += 1) {
      const { cache, v, status } = await get(b, "late");
      expect([status, v, cache.startsWith("hit")]).toEqual([200, 1, false]);
    }
    await upstream.landLate();
    for (let i = 0; i < 50; i += 1) expect(await get(b, "late")).toMatchObject({ v: 2, status: 200 });
    shown = await expectNoStepBack(shown, adminUrl);

    await replaced;
    expect(threads).toHaveLength(3);
    const [[again]] = (await pin(url, adminUrl, { workers: 2, each: 1 })) as [[Connection], [Connection]];
    expect(await get(again, "late")).toMatchObject({ v: 2, status: 200 });
    shown = await expectNoStepBack(shown, adminUrl);
    // Caching goes on once nothing can land any more, and both see each other's writes again.
    await until(
      () => get(b, "late"),
      ({ cache }) => cache.startsWith("hit"),
    );
    for (let v = 3; v < 50; v += 1) {
      const [writer, reader] = v % 2 === 0 ? [again, b] : [b, again];
      await put(writer, "late", v);
      expect((await get(reader, "late")).v).toBe(v);
    }
    const last = await expectNoStepBack(shown, adminUrl);
    expect(last.get('dynatier_worker_restarts_total {"worker":"1"}')).toBe(1);
    expect(last.get('dynatier_invalidations_total {"table":"_none","source":"unknown_outcome"}')).toBe(1);
  }, 60_000);

  it("one that dies again and again comes back ever more slowly, and the other serves all the time", async () => {
    const { url, adminUrl } = await start({ unknownOutcomeMs: 1 });
    const [, [b]] = (await pin(url, adminUrl, { workers: 2, each: 1 })) as [[Connection], [Connection]];
    const begunAtMs = performance.now();
    for (let death = 1; death <= 4; death += 1) {
      await threads.at(death === 1 ? 0 : -1)?.terminate();
      await until(
        () => threadsOf(adminUrl),
        ([first]) => first?.restarts === death && first.state === "serving",
      );
      expect((await get(b, "other")).status).toBe(200);
    }
    // 100 + 200 + 400 + 800 ms.
    expect(performance.now() - begunAtMs).toBeGreaterThanOrEqual(1500);
    const ready = await fetch(`${adminUrl}/readyz`);
    expect(ready.status).toBe(200);
  }, 60_000);

  it("the byte bound is divided, and figures are those of all", async () => {
    const { url, adminUrl } = await start({ workers: 4, cacheBytesMax: 4_000_000 });
    const sides = await pin(url, adminUrl, { workers: 4, each: 1 });
    const statuses = await threadsOf(adminUrl);
    expect(statuses.map(({ memory }) => memory?.bytesMax)).toEqual([1e6, 1e6, 1e6, 1e6]);
    for (const [n, [at]] of sides.entries()) for (let i = 0; i <= n; i += 1) await get(at!, `k-${n}`);
    const status = (await (await fetch(`${adminUrl}/api/status`)).json()) as Record<string, unknown>;
    expect(status).toMatchObject({ workers: 4, totals: { lookups: 10, negativeHits: 6, misses: 4 } });
    expect(status).toMatchObject({ memory: { bytesMax: 4e6, entries: 4 } });
    const [table] = (await (await fetch(`${adminUrl}/api/tables`)).json()) as Record<string, unknown>[];
    expect(table).toMatchObject({ table: TableName, requests: 10 });
    // The operator's flush reaches every worker.
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ everything: true });
    const flushed = await fetch(`${adminUrl}/api/invalidate`, { method: "POST", headers, body });
    expect(flushed.status).toBe(200);
    for (const [n, [at]] of sides.entries()) expect((await get(at!, `k-${n}`)).cache).toMatch(/^miss/);
  });

  it("stop answers what is under way in every worker, and refuses new connections", async () => {
    const { url, adminUrl } = await start({ drainMs: 5000 });
    const sides = await pin(url, adminUrl, { workers: 2, each: 1 });
    const replies = sides.map(async ([at], n) => get(at!, `k-${n}`));
    const stopped = app?.stop();
    for (const { status } of await Promise.all(replies)) expect(status).toBe(200);
    await stopped;
    app = undefined;
    await expect(Connection.open(url)).rejects.toThrow("ECONNREFUSED");
    await Promise.all(threads.map((thread) => expect(thread.threadId).toBe(-1)));
  });

  it("an address that another program shares is refused", async () => {
    const other = createServer().listen({ host: "127.0.0.1", port: 0, reusePort: true });
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? address?.port : 0;
    await expect(start({ port })).rejects.toThrow("EADDRINUSE");
    other.close();
  });
});

describe("dynatier serve", () => {
  function serve(before: readonly string[], ...flags: string[]) {
    const argv = [
      ...before,
      "src/main.ts",
      "serve",
      "--port=0",
      "--admin-port=0",
      `--upstream=${upstream.url}`,
    ];
    const child = spawn(process.execPath, [...argv, ...flags], {
      cwd: root,
      env: { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (output += String(chunk)));
    return { child, exited: once(child, "close").then(([code]) => code as number), output: () => output };
  }

  it("with workers answers, and drains on SIGTERM", async () => {
    const { child, exited, output } = serve([], "--workers=2", "--streams=off");
    const found = await until(
      () => /DynamoDB endpoint +(http:\S+)/.exec(output())?.[1],
      (url) => url !== undefined || child.exitCode !== null,
    );
    const connection = await Connection.open(String(found));
    expect(await get(connection, "other")).toMatchObject({ status: 200 });
    child.kill("SIGTERM");
    expect([await exited, output()]).toEqual([0, expect.stringContaining("Draining")]);
  }, 30_000);

  it("refuses workers where a port cannot be shared, with the reason and exit code 2", async () => {
    // What a system says that knows no SO_REUSEPORT for spreading connections.
    const fault = `
      import { Server } from "node:net";
      const { listen } = Server.prototype;
      Server.prototype.listen = function (options, ...rest) {
        if (!options.reusePort) return listen.call(this, options, ...rest);
        const error = Object.assign(new Error("listen ENOTSUP: operation not supported on socket"), { code: "ENOTSUP" });
        setImmediate(() => this.emit("error", error));
        return this;
      };`;
    const before = ["--import", `data:text/javascript,${encodeURIComponent(fault)}`];
    const { exited, output } = serve(before, "--workers=2");
    expect([await exited, output()]).toEqual([2, expect.stringMatching(/`workers` cannot be 2: .*ENOTSUP/)]);
    const alone = serve(before, "--workers=1");
    await until(alone.output, (text) => text.includes("DynamoDB endpoint"));
  }, 30_000);

  it("reports a worker that cannot start like any other failure", async () => {
    const taken = createServer().listen({ host: "127.0.0.1", port: 0 });
    await once(taken, "listening");
    const address = taken.address();
    const port = typeof address === "object" ? address?.port : 0;
    const { exited, output } = serve([], "--workers=2", `--port=${port}`);
    expect([await exited, output()]).toEqual([1, expect.stringContaining(`127.0.0.1:${port} is in use`)]);
    taken.close();
  }, 30_000);
});
