/** Whatever AWS's own signer signs is accepted; after any change to it, it is not. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SignedRequest } from "../../../src/auth/authenticator.ts";
import { Sigv4Authenticator } from "../../../src/auth/sigv4-authenticator.ts";
import { DynamoDbError } from "../../../src/dynamodb/errors.ts";
import { type SigningOptions, signedRequest, testKey } from "../../support/signing.ts";

const now = new Date("2026-12-31T23:59:30Z");
const authenticator = new Sigv4Authenticator({
  keys: [testKey],
  region: "us-east-1",
  nowMs: () => now.getTime(),
  rememberedMax: 8,
});

function isAccepted(request: SignedRequest): boolean {
  try {
    return authenticator.authenticate(request).accessKeyId === testKey.accessKeyId;
  } catch (error) {
    if (error instanceof DynamoDbError) return false;
    throw error;
  }
}

const names = fc.constantFrom(
  "amz-sdk-invocation-id",
  "x-amz-user-agent",
  "amz-sdk-request",
  "accept",
  "x-a",
  "zz",
);
const ascii = fc.string({ unit: "grapheme-ascii", maxLength: 40 });
const text = fc.oneof(ascii, fc.stringMatching(/^[ \t]{0,3}a[ \t]{0,4}b[ \t]{0,3}$/));
const queries = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.string({ maxLength: 8 }), {
  maxKeys: 3,
});
const requests: fc.Arbitrary<SigningOptions> = fc.record({
  body: fc.uint8Array({ maxLength: 300 }),
  headers: fc.dictionary(names, text, { maxKeys: 4 }),
  query: fc.oneof(
    fc.constant({}),
    queries.filter((query) => !Object.hasOwn(query, "__proto__")),
  ),
  // Over midnight too: the scope has the day of the signature, not of the server.
  at: fc.integer({ min: -800, max: 800 }).map((seconds) => new Date(now.getTime() + seconds * 1000)),
});

/** As Node's parser hands values on: without white space around them. */
function received(request: SignedRequest): SignedRequest {
  return { ...request, rawHeaders: request.rawHeaders.map((one) => one.replaceAll(/^[ \t]+|[ \t]+$/g, "")) };
}

test("what the signer signs is accepted, with its headers in any order and case", async () => {
  await fc.assert(
    fc.asyncProperty(requests, fc.boolean(), async (options, shout) => {
      const request = received(await signedRequest({ at: now, ...options }));
      expect(isAccepted(request)).toBe(true);
      const pairs = Array.from({ length: request.rawHeaders.length / 2 }, (_, at) =>
        request.rawHeaders.slice(at * 2, at * 2 + 2),
      );
      const respelled = pairs
        .reverse()
        .flatMap(([name = "", value = ""]) => [shout ? name.toUpperCase() : name, value]);
      expect(isAccepted({ ...request, rawHeaders: respelled })).toBe(true);
    }),
    { numRuns: 300 },
  );
});

/** Ways to change a request after it was signed; undefined where there is nothing to change. */
const damages: Readonly<Record<string, (request: SignedRequest, at: number) => SignedRequest | undefined>> = {
  "a byte of the body": (request, at) => {
    if (request.body.length === 0) return undefined;
    const body = Buffer.from(request.body);
    body[at % body.length]! ^= 1 + (at % 255);
    return { ...request, body };
  },
  "a byte more": (request, at) => ({
    ...request,
    body: Buffer.concat([request.body, Buffer.from([at % 256])]),
  }),
  "a character of a header": (request, at) => {
    const place = (at % (request.rawHeaders.length / 2)) * 2 + 1;
    const value = request.rawHeaders[place] ?? "";
    const column = at % Math.max(1, value.length);
    const other = value[column] === "~" ? "!" : "~";
    const changed = value.slice(0, column) + other + value.slice(column + 1);
    return { ...request, rawHeaders: request.rawHeaders.with(place, changed) };
  },
  "a header less": (request, at) => {
    const place = (at % (request.rawHeaders.length / 2)) * 2;
    return { ...request, rawHeaders: request.rawHeaders.toSpliced(place, 2) };
  },
  "a header twice": (request, at) => {
    const place = (at % (request.rawHeaders.length / 2)) * 2;
    return { ...request, rawHeaders: [...request.rawHeaders, ...request.rawHeaders.slice(place, place + 2)] };
  },
  "another method": (request) => ({ ...request, method: "PUT" }),
  "a parameter more": (request) => ({
    ...request,
    url: `${request.url}${request.url === "/" ? "?" : "&"}b=c`,
  }),
  "another path": (request) => ({ ...request, url: `/x${request.url.slice(1)}` }),
};

test.each(Object.entries(damages))("%s, changed: refused", async (_, damage) => {
  let changed = 0;
  await fc.assert(
    fc.asyncProperty(requests, fc.nat(), async (options, at) => {
      const request = received(await signedRequest({ at: now, ...options }));
      const damaged = damage(request, at);
      if (damaged === undefined) return;
      changed += 1;
      // What was remembered of the right one must not help the wrong one.
      expect(isAccepted(request)).toBe(true);
      expect(isAccepted(damaged)).toBe(false);
    }),
    { numRuns: 200 },
  );
  expect(changed).toBeGreaterThan(100);
});

test("signed with another secret, key, region, service or at another time: refused", async () => {
  const others = fc.constantFrom<SigningOptions>(
    { secretAccessKey: `${testKey.secretAccessKey}x` },
    { secretAccessKey: testKey.secretAccessKey.toUpperCase() },
    { accessKeyId: "AKIDTEST2" },
    { region: "us-east-2" },
    { service: "dax" },
    { at: new Date(now.getTime() - 901_000) },
    { at: new Date(now.getTime() + 901_000) },
    { sessionToken: "token" },
  );
  await fc.assert(
    fc.asyncProperty(requests, others, async (options, other) => {
      expect(isAccepted(received(await signedRequest({ ...options, ...other })))).toBe(false);
    }),
    { numRuns: 200 },
  );
});
