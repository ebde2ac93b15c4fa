// Signatures are checked whichever way a request comes in: by the lane, or by Node for what is none of the lane's.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SETTLED, startProxy, type TestProxy } from "../support/proxy.ts";
import { signedRequest, testKey } from "../support/signing.ts";

const folder = mkdtempSync(path.join(tmpdir(), "dynatier-lane-auth-"));
const keys = path.join(folder, "keys.yaml");
const { accessKeyId, secretAccessKey } = testKey;
writeFileSync(keys, JSON.stringify([{ accessKeyId, secretAccessKey }]), { mode: 0o600 });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const body = "{}";
const target = { "x-amz-target": "DynamoDB_20120810.ListTables" };

/** Sends these headers as they stand and gives the reply, head and body. */
function send(url: string, rawHeaders: readonly string[], sent = body): Promise<string> {
  const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
  const length = lines.some((line) => /^content-length:/i.test(line))
    ? []
    : [`content-length: ${sent.length}`];
  const text = ["POST / HTTP/1.1", ...lines, ...length, "", sent].join("\r\n");
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) }, () => socket.write(text));
    let reply = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      reply += chunk;
      const [head = "", rest] = reply.split("\r\n\r\n");
      const expected = Number(/content-length: (\d+)/i.exec(head)?.[1]);
      if (rest !== undefined && rest.length >= expected) {
        socket.destroy();
        resolve(reply);
      }
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(reply));
  });
}

describe.each([true, false])("auth: sigv4 with fastLane %s", (fastLane) => {
  let proxy: TestProxy;
  beforeAll(async () => {
    proxy = await startProxy({ settings: { ...SETTLED, auth: "sigv4", keys, fastLane } });
  });
  afterAll(() => proxy?.stop());

  it("serves a signed request", async () => {
    const { rawHeaders } = await signedRequest({ body, headers: target });
    expect(await send(proxy.url, rawHeaders)).toMatch(/^HTTP\/1\.1 200 [\s\S]*"TableNames"/);
  });

  it("refuses one without a signature, with another's, and one that was altered", async () => {
    const { rawHeaders } = await signedRequest({ body, headers: target });
    const without = rawHeaders.filter((_, at) => !/^authorization$/i.test(rawHeaders[at - (at % 2)] ?? ""));
    expect(await send(proxy.url, without)).toContain("#MissingAuthenticationTokenException");
    const stranger = await signedRequest({ body, headers: target, accessKeyId: "AKIDNOBODY" });
    expect(await send(proxy.url, stranger.rawHeaders)).toContain("#UnrecognizedClientException");
    expect(await send(proxy.url, rawHeaders, "[]")).toContain("#InvalidSignatureException");
    const retargeted = rawHeaders.map((text) => text.replace("ListTables", "DeleteTable"));
    expect(await send(proxy.url, retargeted)).toContain("#InvalidSignatureException");
    const other = [...rawHeaders, "x-amz-meta", "not signed"];
    expect(await send(proxy.url, other)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("refuses two signatures", async () => {
    const { rawHeaders } = await signedRequest({ body, headers: target });
    const at = rawHeaders.findIndex((text) => /^authorization$/i.test(text));
    const twice = [...rawHeaders, "Authorization", rawHeaders[at + 1] ?? ""];
    expect(await send(proxy.url, twice)).toMatch(/^HTTP\/1\.1 400 /);
  });
});
