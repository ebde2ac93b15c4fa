/** Each refusal in DynamoDB's words and order, and that none of them tells a secret. */
import { describe, expect, test } from "vitest";
import type { SignedRequest } from "../../../src/auth/authenticator.ts";
import { Sigv4Authenticator } from "../../../src/auth/sigv4-authenticator.ts";
import { DynamoDbError } from "../../../src/dynamodb/errors.ts";
import { type SigningOptions, signedRequest, testKey } from "../../support/signing.ts";

const now = new Date("2026-03-04T05:06:07Z");
const authenticator = new Sigv4Authenticator({
  keys: [testKey, { accessKeyId: "AKIDOTHER", secretAccessKey: "another/secret/of/tests", name: "other" }],
  region: "us-east-1",
  nowMs: () => now.getTime(),
});

/** "Name: message" of the refusal; "accepted" where there is none. */
function answer(request: SignedRequest): string {
  try {
    authenticator.authenticate(request);
    return "accepted";
  } catch (error) {
    if (!(error instanceof DynamoDbError)) throw error;
    expect(error.status).toBe(400);
    expect(Buffer.from(error.toBody()).toString()).toContain(`com.amazon.coral.service#${error.name}`);
    expect(error.message).not.toContain(testKey.secretAccessKey);
    // No signature, no hash of anything, no canonical request.
    expect(error.message).not.toMatch(/[0-9a-f]{32}|aws4_request\n|POST\n/);
    return `${error.name}: ${error.message}`;
  }
}

const signed = (options: SigningOptions = {}) => signedRequest({ at: now, ...options });

/** The request with a header replaced (or, for undefined, left out). */
function withHeader(request: SignedRequest, name: string, value: string | undefined): SignedRequest {
  const rawHeaders: string[] = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const [other = "", given = ""] = request.rawHeaders.slice(at, at + 2);
    if (other.toLowerCase() !== name) rawHeaders.push(other, given);
  }
  if (value !== undefined) rawHeaders.push(name, value);
  return { ...request, rawHeaders };
}

const authorization = (request: SignedRequest) =>
  request.rawHeaders[request.rawHeaders.indexOf("authorization") + 1] ?? "";

/** What becomes of a request that is right but for its Authorization header. */
async function withAuthorization(change: (text: string) => string): Promise<string> {
  const request = await signed();
  return answer(withHeader(request, "authorization", change(authorization(request))));
}

const doesNotMatch =
  "InvalidSignatureException: The request signature we calculated does not match the signature you provided. " +
  "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const unknown = "UnrecognizedClientException: The security token included in the request is invalid.";

test("a right one is accepted, and says who it is", async () => {
  expect(authenticator.authenticate(await signed())).toEqual({ accessKeyId: "AKIDTEST", name: "tests" });
});

describe("no signature, or half of one", () => {
  const absent = "MissingAuthenticationTokenException: Request is missing Authentication Token";
  test("none", async () => {
    expect(answer(withHeader(await signed(), "authorization", undefined))).toBe(absent);
    expect(await withAuthorization(() => "Bearer abc")).toBe(absent);
    expect(await withAuthorization(() => "")).toBe(absent);
    expect(await withAuthorization(() => "AWS AKIDTEST:abc")).toBe(absent);
  });

  test("parts that are missing are named together", async () => {
    expect(await withAuthorization(() => "AWS4-HMAC-SHA256")).toBe(
      "IncompleteSignatureException: Authorization header requires 'Credential' parameter. " +
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
    );
    const undated = withHeader(await signed(), "x-amz-date", undefined);
    expect(
      answer(withHeader(undated, "authorization", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b")),
    ).toBe(
      "IncompleteSignatureException: Authorization header requires 'Signature' parameter. " +
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    );
  });

  test("a part without an equal-sign, and a part that is there twice", async () => {
    expect(await withAuthorization(() => "AWS4-HMAC-SHA256 Credential=a, Signature")).toBe(
      "IncompleteSignatureException: 'Signature' not a valid key=value pair (missing equal-sign) in Authorization header.",
    );
    expect(await withAuthorization((text) => `${text}, SignedHeaders=host`)).toMatch(/Incomplete.*twice/);
  });

  test("two Authorization headers", async () => {
    const request = await signed();
    const rawHeaders = [...request.rawHeaders, "Authorization", authorization(request)];
    expect(answer({ ...request, rawHeaders })).toMatch(/^IncompleteSignatureException: .*more than one/);
  });

  test("another algorithm", async () => {
    expect(await withAuthorization((text) => text.replace("SHA256", "SHA1"))).toBe(
      "IncompleteSignatureException: Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). ",
    );
  });

  test("a date that is none", async () => {
    for (const date of ["201", "20260304", "20261304T050607Z", "2026-03-04T05:06:07Z", "now"]) {
      expect(answer(withHeader(await signed(), "x-amz-date", date))).toBe(
        `IncompleteSignatureException: Date must be in ISO-8601 'basic format'. Got '${date}'. ` +
          "See http://en.wikipedia.org/wiki/ISO_8601",
      );
    }
  });
});

describe("time", () => {
  const minutes = (count: number, seconds = 0) => new Date(now.getTime() + count * 60_000 + seconds * 1000);

  test("within 15 minutes either way", async () => {
    for (const at of [minutes(-15), minutes(15)]) expect(answer(await signed({ at }))).toBe("accepted");
  });

  test("expired, and not yet current", async () => {
    expect(answer(await signed({ at: minutes(-15, -1) }))).toBe(
      "InvalidSignatureException: Signature expired: 20260304T045106Z is now earlier than 20260304T045107Z " +
        "(20260304T050607Z - 15 min.)",
    );
    expect(answer(await signed({ at: minutes(15, 1) }))).toBe(
      "InvalidSignatureException: Signature not yet current: 20260304T052108Z is still later than 20260304T052107Z " +
        "(20260304T050607Z + 15 min.)",
    );
  });

  test("what was accepted once expires all the same", async () => {
    let nowMs = now.getTime();
    const own = new Sigv4Authenticator({ keys: [testKey], region: "us-east-1", nowMs: () => nowMs });
    const request = await signed();
    own.authenticate(request);
    nowMs += 16 * 60_000;
    expect(() => own.authenticate(request)).toThrow(/Signature expired/);
  });
});

describe("the credential's scope", () => {
  test("another region, service and terminator, and another day, are named together", async () => {
    const change = (text: string) =>
      text.replace("20260304/us-east-1/dynamodb/aws4_request", "20260303/eu-west-1/s3/aws5");
    expect(await withAuthorization(change)).toMatch(
      new RegExp(
        "^InvalidSignatureException: Credential should be scoped to a valid region, not 'eu-west-1'\\. .*" +
          "Credential should be scoped to correct service: 'dynamodb'\\. " +
          "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'\\. " +
          "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
          "'20260303' != '20260304', from '20260304T050607Z'\\.$",
      ),
    );
  });

  test("signed for another region or service", async () => {
    expect(answer(await signed({ region: "eu-west-1" }))).toMatch(/valid region, not 'eu-west-1'/);
    expect(answer(await signed({ service: "dax" }))).toMatch(/correct service: 'dynamodb'/);
  });

  test("of another form", async () => {
    expect(await withAuthorization((text) => text.replace("/dynamodb/", "/"))).toMatch(
      /^IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements/,
    );
  });
});

describe("keys", () => {
  test("an unknown key", async () => {
    expect(answer(await signed({ accessKeyId: "AKIDNOBODY" }))).toBe(unknown);
    expect(answer(await signed({ accessKeyId: "__proto__" }))).toBe(unknown);
  });

  test("a session token, signed as it should be", async () => {
    expect(answer(await signed({ sessionToken: "token" }))).toBe(unknown);
  });

  test("the secret of another key", async () => {
    expect(answer(await signed({ secretAccessKey: "another/secret/of/tests" }))).toBe(doesNotMatch);
    expect(answer(await signed({ accessKeyId: "AKIDOTHER" }))).toBe(doesNotMatch);
  });
});

describe("what must be signed", () => {
  test("the host", async () => {
    const change = (text: string) => text.replace(";host;", ";");
    expect(await withAuthorization(change)).toBe(
      "InvalidSignatureException: 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
  });

  test("every x-amz- header, the operation above all", async () => {
    const unsigned = "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.";
    expect(await withAuthorization((text) => text.replace(";x-amz-target", ""))).toContain(unsigned);
    const request = await signed();
    const extra = { ...request, rawHeaders: [...request.rawHeaders, "X-Amz-Extra", "1"] };
    expect(answer(extra)).toContain("'x-amz-extra' must be a 'SignedHeader'");
  });

  test("names that are not sorted, not in lower case, or not there", async () => {
    const list = /SignedHeaders=[^,]+/;
    for (const names of [
      "host;content-type;x-amz-date;x-amz-target",
      "Content-Type;host;x-amz-date;x-amz-target",
    ]) {
      expect(await withAuthorization((text) => text.replace(list, `SignedHeaders=${names}`))).toBe(
        doesNotMatch,
      );
    }
    expect(await withAuthorization((text) => text.replace("=content-type;", "=accept;content-type;"))).toBe(
      doesNotMatch,
    );
  });

  test("the body: a hash that is not its own, and UNSIGNED-PAYLOAD", async () => {
    for (const hash of ["UNSIGNED-PAYLOAD", "0".repeat(64), "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"]) {
      expect(answer(await signed({ headers: { "x-amz-content-sha256": hash } })), hash).toBe(doesNotMatch);
    }
    const right = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    expect(answer(await signed({ headers: { "x-amz-content-sha256": right } }))).toBe("accepted");
  });
});

describe("presigned requests", () => {
  const presigned = (options: SigningOptions = {}) => signed({ presign: { expiresIn: 60 }, ...options });

  test("are taken, and changed ones are not", async () => {
    const request = await presigned();
    expect(answer(request)).toBe("accepted");
    expect(answer({ ...request, body: Buffer.from("{} ") })).toBe(doesNotMatch);
    expect(answer({ ...request, url: `${request.url}&a=b` })).toBe(doesNotMatch);
    expect(answer({ ...request, url: request.url.replace("/?", "/other?") })).toBe(doesNotMatch);
    expect(answer({ ...request, url: `${request.url}&%ff` })).toBe(doesNotMatch);
    expect(answer(withHeader(request, "x-amz-target", "DynamoDB_20120810.DeleteItem"))).toBe(doesNotMatch);
    expect(answer(await presigned({ secretAccessKey: "another/secret/of/tests" }))).toBe(doesNotMatch);
    expect(answer(await presigned({ sessionToken: "token" }))).toBe(unknown);
  });

  test("their own expiry shortens the window, and never lengthens it", async () => {
    const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);
    expect(answer(await presigned({ at: ago(60) }))).toBe("accepted");
    expect(answer(await presigned({ at: ago(61) }))).toMatch(/Signature expired: .* - 60 s\.\)$/);
    const long = { expiresIn: 86_400 };
    expect(answer(await signed({ presign: long, at: ago(901) }))).toMatch(
      /Signature expired: .* - 15 min\.\)$/,
    );
  });

  test("with a part missing, there twice, or with a header as well", async () => {
    const request = await presigned();
    const without = request.url.replace(/&?X-Amz-Date=[^&]+/, "");
    expect(answer({ ...request, url: without })).toBe(
      "IncompleteSignatureException: AWS query-string parameters must include 'X-Amz-Date'. " +
        "Re-examine the query-string parameters.",
    );
    expect(answer({ ...request, url: `${request.url}&X-Amz-Date=1` })).toMatch(/Incomplete.*twice/);
    expect(answer(withHeader(request, "authorization", authorization(await signed())))).toBe(
      "InvalidSignatureException: Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    );
  });
});
