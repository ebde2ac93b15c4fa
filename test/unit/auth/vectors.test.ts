/**
 * AWS's published test suite for Signature Version 4 (aws-sig-v4-test-suite), taken from the table that AWS's own
 * smithy-typescript checks its signer with (packages/signature-v4/src/suite.fixture.ts): those cases whose path is "/",
 * the only one this proxy has, and whose headers Node's parser lets through. Headers are spelled as in the suite's .req files.
 */
import { describe, expect, test } from "vitest";
import { Sigv4Authenticator } from "../../../src/auth/sigv4-authenticator.ts";

const key = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  name: "the suite's",
};
const unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const token =
  "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwth" +
  "Ax7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAk" +
  "iY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

interface Vector {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly query?: string;
  /** Besides Host and X-Amz-Date. */
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly signed: string;
  readonly signature: string;
}

const vanilla = "host;x-amz-date";
const vectors: readonly Vector[] = [
  {
    name: "get-header-key-duplicate",
    method: "GET",
    headers: ["My-Header1", "value2", "My-Header1", "value2", "My-Header1", "value1"],
    signed: "host;my-header1;x-amz-date",
    signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
  },
  {
    name: "get-header-value-order",
    method: "GET",
    headers: ["My-Header1", "value4", "My-Header1", "value1", "My-Header1", "value3", "My-Header1", "value2"],
    signed: "host;my-header1;x-amz-date",
    signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
  },
  {
    name: "get-header-value-trim",
    method: "GET",
    headers: ["My-Header1", " value1", "My-Header2", ' "a   b   c"'],
    signed: "host;my-header1;my-header2;x-amz-date",
    signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
  },
  {
    name: "get-vanilla",
    method: "GET",
    signed: vanilla,
    signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  },
  {
    name: "get-vanilla-empty-query-key",
    method: "GET",
    query: "?Param1=value1",
    signed: vanilla,
    signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
  },
  {
    name: "get-vanilla-query-order-key-case",
    method: "GET",
    query: "?Param2=value2&Param1=value1",
    signed: vanilla,
    signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  },
  {
    name: "get-vanilla-query-unreserved",
    method: "GET",
    query: `?${unreserved}=${unreserved}`,
    signed: vanilla,
    signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
  },
  {
    name: "get-vanilla-utf8-query",
    method: "GET",
    query: "?%E1%88%B4=bar",
    signed: vanilla,
    signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
  },
  {
    name: "post-header-key-sort",
    method: "POST",
    headers: ["My-Header1", "value1"],
    signed: "host;my-header1;x-amz-date",
    signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
  },
  {
    name: "post-header-value-case",
    method: "POST",
    headers: ["My-Header1", "VALUE1"],
    signed: "host;my-header1;x-amz-date",
    signature: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
  },
  {
    name: "post-vanilla (and post-header-key-case, post-sts-header-after)",
    method: "POST",
    signed: vanilla,
    signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  },
  {
    name: "post-vanilla-query (and post-vanilla-empty-query-value)",
    method: "POST",
    query: "?Param1=value1",
    signed: vanilla,
    signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
  },
  {
    name: "post-vanilla-query-nonunreserved",
    method: "POST",
    query: `?${encodeURIComponent("@#$%^")}=&${encodeURIComponent("+")}=${encodeURIComponent('/,?><`";:\\|][{}')}`,
    signed: vanilla,
    signature: "66c82657c86e26fb25238d0e69f011edc4c6df5ae71119d7cb98ed9b87393c1e",
  },
  {
    name: "post-vanilla-query-space",
    method: "POST",
    query: "?p",
    signed: vanilla,
    signature: "e71688addb58a26418614085fb730ba3faa623b461c17f48f2fbdb9361b94a9b",
  },
  {
    name: "post-x-www-form-urlencoded",
    method: "POST",
    headers: ["Content-Type", "application/x-www-form-urlencoded"],
    body: "Param1=value1",
    signed: "content-type;host;x-amz-date",
    signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  },
  {
    name: "post-x-www-form-urlencoded-parameters",
    method: "POST",
    headers: ["Content-Type", "application/x-www-form-urlencoded; charset=utf8"],
    body: "Param1=value1",
    signed: "content-type;host;x-amz-date",
    signature: "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
  },
];

function authenticate(vector: Vector, signature = vector.signature) {
  const authenticator = new Sigv4Authenticator({
    keys: [key],
    region: "us-east-1",
    service: "service",
    nowMs: () => Date.parse("2015-08-30T12:36:00Z"),
  });
  const authorization =
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
    `SignedHeaders=${vector.signed}, Signature=${signature}`;
  const request = {
    method: vector.method,
    url: `/${vector.query ?? ""}`,
    rawHeaders: [
      ...["Host", "example.amazonaws.com", ...(vector.headers ?? [])],
      ...["X-Amz-Date", "20150830T123600Z", "Authorization", authorization],
    ],
    body: Buffer.from(vector.body ?? ""),
  };
  // Twice: the second time by what was remembered of the first.
  authenticator.authenticate(request);
  return authenticator.authenticate(request);
}

describe("AWS's test suite", () => {
  test.each(vectors.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    expect(authenticate(vector)).toEqual({ accessKeyId: "AKIDEXAMPLE", name: "the suite's" });
    const other = `${vector.signature.startsWith("0") ? "1" : "0"}${vector.signature.slice(1)}`;
    expect(() => authenticate(vector, other)).toThrow(/signature we calculated does not match/);
  });

  test("post-sts-header-before: the signature is right, so what is refused is the token", () => {
    const vector: Vector = {
      name: "post-sts-header-before",
      method: "POST",
      headers: ["X-Amz-Security-Token", token],
      signed: "host;x-amz-date;x-amz-security-token",
      signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    };
    expect(() => authenticate(vector)).toThrow("The security token included in the request is invalid.");
    expect(() => authenticate(vector, "0".repeat(64))).toThrow(/does not match/);
  });
});
