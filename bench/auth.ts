/**
 * What verifying a signature costs: `node bench/auth.ts [--seconds N]`. Two figures: microseconds for one verification, and
 * hits a second of the whole proxy with `auth: sigv4` against `auth: none`, in alternating turns. The load is signed
 * beforehand, so that it costs the load's process nothing. Only ratios of one run mean anything, and on a machine that has
 * other work they scatter.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import autocannon from "autocannon";
import type { SignedRequest } from "../src/auth/authenticator.ts";
import { Sigv4Authenticator } from "../src/auth/sigv4-authenticator.ts";
import { signedRequest, testKey } from "../test/support/signing.ts";
import { serverCore, startNode, stop, untilSaid } from "./processes.ts";

const region = "us-east-1";
const requestCount = 2000;
const repeats = 5;
const connections = 32;

/** GetItem as the SDK for JavaScript sends it: ten headers, of which it signs eight. */
function sdkRequest(host: string, body: string): Promise<SignedRequest> {
  const headers = {
    host,
    accept: "*/*",
    "x-amz-user-agent":
      "aws-sdk-js/3.1164.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#26.10.0 api/dynamodb#3.1164.0",
    "amz-sdk-invocation-id": crypto.randomUUID(),
    "amz-sdk-request": "attempt=1; max=3",
    "content-length": String(Buffer.byteLength(body)),
    "user-agent": "aws-sdk-js/3.1164.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#26.10.0",
  };
  return signedRequest({ region, body, headers });
}

const bodyOf = (at: number) => JSON.stringify({ TableName: "bench", Key: { pk: { S: `user#${at}` } } });

async function prepare(host: string): Promise<SignedRequest[]> {
  const all: SignedRequest[] = [];
  for (let at = 0; at < requestCount; at += 1) all.push(await sdkRequest(host, bodyOf(at)));
  return all;
}

/** Microseconds for one verification, each repeat. */
function measureVerification(requests: readonly SignedRequest[]): number[] {
  const authenticator = new Sigv4Authenticator({ keys: [testKey], region });
  const round = (): number => {
    const startedAt = process.hrtime.bigint();
    for (let turn = 0; turn < 25; turn += 1)
      for (const request of requests) authenticator.authenticate(request);
    return Number(process.hrtime.bigint() - startedAt) / 1000 / (25 * requests.length);
  };
  round();
  return Array.from({ length: repeats }, round);
}

async function startProxy(flags: readonly string[]) {
  const child = startNode(serverCore, "src/main.ts", [
    ...["serve", "--upstream=embedded", "--port=0", "--admin-port=0", "--log-level=error", ...flags],
  ]);
  const [, url = ""] = await untilSaid(child, /DynamoDB endpoint +(http:\S+)/);
  return { child, url };
}

async function send(url: string, operation: string, input: object): Promise<void> {
  const host = new URL(url).host;
  const headers = { host, "x-amz-target": `DynamoDB_20120810.${operation}` };
  const { rawHeaders, body } = await signedRequest({ region, body: JSON.stringify(input), headers });
  const reply = await fetch(url, { method: "POST", headers: pairs(rawHeaders), body: Buffer.from(body) });
  if (!reply.ok) throw new Error(`${operation}: ${await reply.text()}`);
}

function pairs(rawHeaders: readonly string[], without = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name !== without) found[name] = rawHeaders[at + 1] ?? "";
  }
  return found;
}

async function fill(url: string): Promise<void> {
  await send(url, "CreateTable", {
    TableName: "bench",
    BillingMode: "PAY_PER_REQUEST",
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
  });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  for (let at = 0; at < requestCount; at += 1) {
    const Item = { pk: { S: `user#${at}` }, v: { S: "x".repeat(120) } };
    await send(url, "PutItem", { TableName: "bench", Item });
  }
}

/** Hits a second. */
async function load(url: string, seconds: number): Promise<number> {
  // Signed anew for each turn: a signature lives 15 minutes.
  const requests = (await prepare(new URL(url).host)).map(({ rawHeaders, body }) => ({
    // autocannon writes the length itself.
    headers: pairs(rawHeaders, "content-length"),
    body: Buffer.from(body).toString(),
  }));
  let replies = 0;
  let refused = 0;
  const startedAt = performance.now();
  const result = await autocannon({
    ...{ url, method: "POST", connections, duration: seconds, sampleInt: 100, timeout: 10 },
    setupClient: (client) => {
      client.setRequests(requests);
      client.on("response", (status) => {
        replies += 1;
        if (status !== 200) refused += 1;
      });
    },
    verifyBody: (body) => body.startsWith('{"Item"'),
  });
  const rate = replies / ((performance.now() - startedAt) / 1000);
  if (refused + result.errors + result.mismatches > 0) throw new Error(`${refused} of ${replies} refused`);
  return rate;
}

async function measureProxy(seconds: number): Promise<{ none: number[]; sigv4: number[] }> {
  const folder = mkdtempSync(path.join(tmpdir(), "dynatier-bench-"));
  const keys = path.join(folder, "keys.yaml");
  writeFileSync(keys, JSON.stringify([testKey]), { mode: 0o600 });
  const open = await startProxy(["--auth=none"]);
  const guarded = await startProxy(["--auth=sigv4", `--keys=${keys}`]);
  try {
    for (const { url } of [open, guarded]) {
      await fill(url);
      await load(url, 2);
    }
    const rates = { none: [] as number[], sigv4: [] as number[] };
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      rates.none.push(await load(open.url, seconds));
      rates.sigv4.push(await load(guarded.url, seconds));
    }
    return rates;
  } finally {
    await Promise.all([open, guarded].map(({ child }) => stop(child)));
    rmSync(folder, { recursive: true, force: true });
  }
}

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

const spread = (numbers: readonly number[], digits: number) =>
  `${median(numbers).toFixed(digits)} (${Math.min(...numbers).toFixed(digits)} to ${Math.max(...numbers).toFixed(digits)})`;

const { values } = parseArgs({ options: { seconds: { type: "string", default: "5" } } });
console.log(`${cpus()[0]?.model.trim()}, Node ${process.version}; ${repeats} repeats, median (min to max)`);
console.log(`one verification: ${spread(measureVerification(await prepare("localhost:8100")), 2)} µs`);
const { none, sigv4 } = await measureProxy(Number(values.seconds));
console.log(`GetItem hits/s, auth: none   ${spread(none, 0)}`);
console.log(`GetItem hits/s, auth: sigv4  ${spread(sigv4, 0)}`);
const ratios = sigv4.map((rate, at) => rate / (none[at] ?? Number.NaN));
console.log(`ratio, turn by turn: ${spread(ratios, 2)}`);
