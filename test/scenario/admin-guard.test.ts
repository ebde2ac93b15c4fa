// Who may use the admin endpoints, and which requests are refused before anything is done.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAdminServer } from "../../src/admin/server.ts";
import { createLogger } from "../../src/util/log.ts";
import { type RunningAdmin, startAdmin } from "./admin-support.ts";

const json = { "content-type": "application/json" };
const paths = ["/", "/metrics", "/livez", "/readyz", "/api/status", "/api/tables", "/nope"];

function errorOf(reply: { readonly text: string }): string {
  return JSON.parse(reply.text).error;
}

describe("without a token, on loopback", () => {
  let admin: RunningAdmin;
  beforeAll(async () => {
    admin = await startAdmin();
  });
  afterAll(() => admin.stop());

  test("every reply carries the security headers", async () => {
    for (const path of [...paths, "/%zz"]) {
      const { headers } = await admin.call(path);
      expect(headers, path).toMatchObject({
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
        "content-security-policy": expect.stringContaining("default-src 'none'"),
      });
    }
  });

  test("the Host header must name this machine (DNS rebinding)", async () => {
    const { port } = admin;
    const foreign = [
      "evil.example",
      `evil.example:${port}`,
      "localhost.evil.example",
      "127.0.0.1.nip.io",
      "[::2]",
    ];
    for (const host of [...foreign, "127.0.0.1@evil.example", "10.0.0.1", "localhost:80:80", "0.0.0.0"]) {
      for (const path of paths) {
        const reply = await admin.call(path, { headers: { host } });
        expect([reply.status, Object.keys(JSON.parse(reply.text))], `${host} ${path}`).toEqual([
          403,
          ["error"],
        ]);
      }
      const body = '{"everything":true}';
      const post = { method: "POST", headers: { ...json, host }, body };
      expect((await admin.call("/api/invalidate", post)).status).toBe(403);
    }
    expect(admin.invalidations).toEqual([]);
    for (const host of [
      "localhost",
      `LOCALHOST:${port}`,
      "127.0.0.1",
      `127.8.8.8:${port}`,
      `[::1]:${port}`,
    ]) {
      expect((await admin.call("/api/status", { headers: { host } })).status, host).toBe(200);
    }
  });

  test("POST takes application/json only, so that no form of a foreign site can send it", async () => {
    const body = '{"everything":true}';
    const types = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"];
    for (const type of [...types, "application/jsonx", "text/plain; application/json", ""]) {
      const headers = type === "" ? {} : { "content-type": type };
      const reply = await admin.call("/api/invalidate", { method: "POST", headers, body });
      expect([reply.status, errorOf(reply)], type).toEqual([
        415,
        "Send the body with content-type: application/json.",
      ]);
    }
    expect(admin.invalidations).toEqual([]);
    const headers = { "content-type": "Application/JSON; charset=utf-8" };
    expect((await admin.call("/api/invalidate", { method: "POST", headers, body })).status).toBe(200);
    expect(admin.invalidations.splice(0)).toEqual([{ kind: "everything" }]);
  });

  test.each([
    [{}, /"table" is missing/],
    [[], /must be a JSON object/],
    [null, /must be a JSON object/],
    ["orders", /must be a JSON object/],
    [{ tabel: "orders" }, /"tabel" is not known here; did you mean "table"\?/],
    [{ table: "orders", Key: { id: { S: "1" } } }, /"Key" is not known here; did you mean "key"\?/],
    [{ table: "orders", zzzzzzzz: 1 }, /"zzzzzzzz" is not known here\. Send/],
    [JSON.parse('{"table":"orders","__proto__":{}}'), /"__proto__" is not known here/],
    [{ table: 7 }, /"table" must be the name or ARN/],
    [{ table: "" }, /"table" must be the name or ARN/],
    [{ table: "x".repeat(1025) }, /"table" must be the name or ARN/],
    [{ everything: false }, /"everything" must be true/],
    [{ everything: true, table: "orders" }, /"everything" stands alone/],
    [{ table: "orders", key: { a: { S: "1" } }, partition: { a: { S: "1" } } }, /exclude each other/],
    [{ key: { id: { S: "1" } } }, /"table" is missing/],
    [{ table: "orders", key: undefined, partition: null }, /"partition" must have values/],
    [{ table: "orders", key: {} }, /"key" must name one or two attributes/],
    [{ table: "orders", key: { a: { S: "1" }, b: { S: "1" }, c: { S: "1" } } }, /one or two attributes/],
    [{ table: "orders", key: { a: "1" } }, /"key" must have values of type S, N or B/],
    [{ table: "orders", key: { a: { BOOL: true } } }, /"key" must have values/],
    [{ table: "orders", key: { a: { N: 1 } } }, /"key" must have values/],
    [{ table: "orders", key: { a: { S: "" } } }, /none empty/],
    [{ table: "orders", key: { a: { S: "1", N: "1" } } }, /"key" must have values/],
    [{ table: "orders", partition: { a: { S: "1" }, b: { S: "2" } } }, /one attribute, the partition key/],
  ])("refuses %j with a message", async (body, message) => {
    const reply = await admin.invalidate(body);
    expect(reply.status).toBe(400);
    expect(errorOf(reply)).toMatch(message);
    expect(admin.invalidations).toEqual([]);
  });

  test("refuses what is not JSON, and bodies over the bound", async () => {
    const post = (body: string | Uint8Array) =>
      admin.call("/api/invalidate", { method: "POST", headers: json, body });
    for (const body of ['{"everything":', "", Uint8Array.of(0x22, 0xff, 0x22)]) {
      const reply = await post(body);
      expect(reply.status).toBe(400);
      expect(errorOf(reply)).toMatch(/JSON/);
    }
    const large = await post(`{"table":"${"x".repeat(70_000)}"}`);
    expect(large.status).toBe(413);
    expect(Object.keys(JSON.parse(large.text))).toEqual(["error"]);
    expect(admin.invalidations).toEqual([]);
  });
});

describe("with a token", () => {
  const adminToken = "correct horse".replace(" ", "-");
  let admin: RunningAdmin;
  beforeAll(async () => {
    admin = await startAdmin({ adminToken }, "0.0.0.0");
  });
  afterAll(() => admin.stop());

  test("health checks need none, everything else does", async () => {
    for (const path of paths) {
      const open = path === "/livez" || path === "/readyz";
      for (const authorization of [undefined, "Bearer wrong", `Basic ${adminToken}`, adminToken, "Bearer "]) {
        const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
        const reply = await admin.call(path, { headers });
        expect(reply.status, `${path} ${authorization}`).toBe(open ? 200 : 401);
        if (!open) expect(reply.headers["www-authenticate"]).toMatch(/^Bearer /);
      }
      const reply = await admin.call(path, { headers: { authorization: `Bearer ${adminToken}` } });
      expect(reply.status).toBe(path === "/nope" ? 404 : 200);
    }
    for (const path of [
      "/livez/../metrics",
      "//metrics",
      "/%6detrics",
      "/metrics?livez",
      "/livez%2f../metrics",
    ]) {
      expect((await admin.call(path)).status, path).toBe(401);
    }
  });

  test("an invalidation without it does nothing", async () => {
    const post = { method: "POST", body: '{"everything":true}' };
    expect((await admin.call("/api/invalidate", { ...post, headers: json })).status).toBe(401);
    expect(admin.invalidations).toEqual([]);
    const headers = { ...json, authorization: `bearer ${adminToken}` };
    expect((await admin.call("/api/invalidate", { ...post, headers })).status).toBe(200);
    expect(admin.invalidations).toEqual([{ kind: "everything" }]);
  });

  test("beyond loopback any Host header will do: the token protects", async () => {
    const headers = { host: "cache.internal:8180", authorization: `Bearer ${adminToken}` };
    expect((await admin.call("/api/status", { headers })).status).toBe(200);
  });
});

test("does not listen beyond loopback without a token, nor take an empty one", async () => {
  await expect(startAdmin({}, "0.0.0.0")).rejects.toThrow(/only with an adminToken/);
  const options = {
    metrics: { render: async () => "", contentType: "text/plain" },
    status: () => ({}),
    tables: () => [],
    invalidate: async () => ({ invalidated: "" }),
    ready: () => ({ ready: true, reason: "" }),
    log: createLogger("silent"),
  };
  expect(() => createAdminServer({ ...options, adminToken: "" })).toThrow(RangeError);
});

test("a taken port is an error, not silence", async () => {
  const first = await startAdmin();
  const second = createAdminServer({
    metrics: first.metrics,
    status: () => ({}),
    tables: () => [],
    invalidate: async () => ({ invalidated: "" }),
    ready: () => first.readiness,
    log: createLogger("silent"),
  });
  await expect(second.start("127.0.0.1", first.port)).rejects.toThrow(/EADDRINUSE/);
  await second.stop();
  await first.stop();
});
