/** What our signer signs is what AWS's own signer signs, byte for byte, whatever the identity, moment, path and body. */

import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Credentials } from "../../../src/upstream/credentials.ts";
import { createEndpoints, type Endpoint } from "../../../src/upstream/endpoints.ts";
import { Signer } from "../../../src/upstream/signer.ts";
import { NodeSha256 } from "../../support/signing.ts";

interface Signing {
  readonly credentials: Credentials;
  readonly endpoint: Endpoint;
  readonly target: string;
  readonly body: Uint8Array;
  readonly atMs: number;
}

/** As AWS's library signs it, in the order of our headers. */
async function oracle(signing: Signing, region: string): Promise<Record<string, string>> {
  const { credentials, endpoint, target, body, atMs } = signing;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new SignatureV4({
    service: "dynamodb",
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    sha256: NodeSha256,
    applyChecksum: false,
  });
  const headers = {
    host: endpoint.host,
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": target,
  };
  const request = { method: "POST", protocol: "", hostname: endpoint.host, path: endpoint.path, query: {} };
  const signed = await signer.sign({ ...request, headers, body }, { signingDate: new Date(atMs) });
  const { host: _, ...rest } = signed.headers;
  return { ...rest, "accept-encoding": "identity", "user-agent": "dynatier" };
}

function pairs(headers: readonly string[]): Record<string, string> {
  const names = headers.filter((_, at) => at % 2 === 0);
  expect(new Set(names).size, "no header twice").toBe(names.length);
  return Object.fromEntries(names.map((name, at) => [name, headers[at * 2 + 1] ?? ""]));
}

const word = fc.stringMatching(/^[!-~]{1,40}$/);
const spaced = fc.stringMatching(/^[ \t]{0,2}[!-~]{1,20}[ \t]{0,3}[!-~]{1,20}[ \t]{0,2}$/);
const credentials = fc.record({
  accessKeyId: fc.stringMatching(/^[A-Z0-9]{16,24}$/),
  secretAccessKey: fc.oneof(word, fc.string({ minLength: 1 })),
  sessionToken: fc.option(fc.oneof(fc.constant(""), word, spaced), { nil: undefined }),
});
const origins = fc.constantFrom(
  "http://127.0.0.1:8000",
  "https://dynamodb.eu-west-1.amazonaws.com",
  "http://[::1]:1",
);
const paths = fc.array(
  fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("", "a b", "ü", "%2F", ".", "..", "!'()*")),
);
const endpoints = fc
  .tuple(origins, fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, paths))
  .map(([origin, segments]) => {
    const url = new URL(origin);
    url.pathname = segments.join("/");
    return createEndpoints({ upstream: url.href, region: "" }).resolve("");
  });
const signings: fc.Arbitrary<Signing> = fc.record({
  credentials,
  endpoint: endpoints,
  target: fc.oneof(
    fc.constantFrom("DynamoDB_20120810.GetItem", "DynamoDBStreams_20120810.GetRecords"),
    spaced,
  ),
  body: fc.uint8Array({ maxLength: 300 }),
  atMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
});

test("equal to AWS's signer, with all identities, days and endpoints through one signer", async () => {
  const region = "ap-southeast-7";
  let atMs = 0;
  const signer = new Signer({ region, nowMs: () => atMs });
  await fc.assert(
    // Each is signed twice and with changes in between, so that what was prepared for one meets the next.
    fc.asyncProperty(fc.array(signings, { minLength: 1, maxLength: 4 }), async (list) => {
      for (const signing of [...list, ...list]) {
        atMs = signing.atMs;
        const { endpoint, target, body } = signing;
        const headers = pairs(signer.sign(signing.credentials, endpoint, target, body));
        expect(headers).toEqual(await oracle(signing, region));
      }
    }),
    { numRuns: 500 },
  );
});

const sample: Signing = {
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a secret of test" },
  endpoint: createEndpoints({ upstream: "http://127.0.0.1:8000", region: "" }).resolve(""),
  target: "DynamoDB_20120810.GetItem",
  body: Buffer.from("{}"),
  atMs: Date.UTC(2026, 11, 31, 23, 59, 59, 999),
};
const changes: Readonly<Record<string, Partial<Signing>>> = {
  "the next second, which is the next year": { atMs: sample.atMs + 1 },
  "a millisecond that changes nothing": { atMs: sample.atMs - 900 },
  "another secret under the same name": {
    credentials: { ...sample.credentials, secretAccessKey: "another" },
  },
  "another access key": { credentials: { ...sample.credentials, accessKeyId: "AKIDOTHER" } },
  "a token": { credentials: { ...sample.credentials, sessionToken: "t" } },
  "another body": { body: Buffer.from("{} ") },
};

test.each(Object.entries(changes))("%s, after another call and before it", async (_, change) => {
  let atMs = 0;
  const signer = new Signer({ region: "us-east-1", nowMs: () => atMs });
  for (const signing of [sample, { ...sample, ...change }, sample]) {
    atMs = signing.atMs;
    const headers = signer.sign(signing.credentials, signing.endpoint, signing.target, signing.body);
    expect(pairs(headers)).toEqual(await oracle(signing, "us-east-1"));
  }
});

test("a provider that changes the object it gave out gets the signature of what it is now", async () => {
  const signer = new Signer({ region: "us-east-1", nowMs: () => sample.atMs });
  const changing = { ...sample.credentials };
  signer.sign(changing, sample.endpoint, sample.target, sample.body);
  changing.secretAccessKey = "renewed";
  const headers = signer.sign(changing, sample.endpoint, sample.target, sample.body);
  expect(pairs(headers)).toEqual(await oracle({ ...sample, credentials: changing }, "us-east-1"));
});
