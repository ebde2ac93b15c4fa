/** Verification of AWS Signature Version 4 on requests to this proxy, check by check in DynamoDB's order. */

import { hash, timingSafeEqual } from "node:crypto";
import type { AccessKey } from "../config/keys-file.ts";
import { algorithm, canonicalHash, stringToSign } from "../sigv4/canonical-request.ts";
import { deriveSigningKey, type SigningKey } from "../sigv4/signing-key.ts";
import type { Authenticator, Principal, SignedRequest } from "./authenticator.ts";
import { canonicalQuery, type Parameter, parseQuery } from "./canonical-query.ts";
import { type Claim, readHeaderClaim, readQueryClaim } from "./claim.ts";
import { echo, incomplete, invalid, mismatch, missing, unrecognized } from "./refusals.ts";
import { headerIn, SignedHeaders } from "./signed-headers.ts";
import { checkSigningTime, parseSigningTime, type SigningTime } from "./signing-time.ts";

export interface Sigv4Options {
  readonly keys: readonly AccessKey[];
  readonly region: string;
  /** The service of the credential scope; default "dynamodb", which DynamoDB Streams are signed for as well. */
  readonly service?: string;
  /** Wall clock in milliseconds since 1970; default the system's. */
  readonly nowMs?: () => number;
  /** How many ways of signing (key, day, list of signed headers) are remembered; beyond it all are forgotten. */
  readonly rememberedMax?: number;
}

const signatureLength = 64;
const signaturePattern = /^[0-9a-f]{64}$/;

interface KnownKey {
  readonly principal: Principal;
  readonly secret: string;
}

/** All that requests of one key, day and list of signed headers have in common. */
interface Signer {
  readonly principal: Principal;
  /** YYYYMMDD. */
  readonly date: string;
  /** "date/region/service/aws4_request". */
  readonly scope: string;
  readonly signedHeaders: SignedHeaders;
  readonly key: SigningKey;
}

/** Where a request's signature stands and what it says: from the header, or from the query of a presigned request. */
interface Presented {
  /** What all requests of one signer share: the header up to the signature; undefined for presigned ones. */
  readonly prefix: string | undefined;
  readonly signature: string;
  readonly signer: Signer;
  readonly time: SigningTime;
  readonly query: readonly Parameter[];
}

/** For one set of keys; new keys get a new one. */
export class Sigv4Authenticator implements Authenticator {
  readonly #keys: ReadonlyMap<string, KnownKey>;
  readonly #region: string;
  readonly #service: string;
  readonly #nowMs: () => number;
  readonly #rememberedMax: number;
  /** By the Authorization header up to the signature. Only what a right signature vouched for gets in. */
  readonly #signers = new Map<string, Signer>();
  /** By access key id and date. */
  readonly #signingKeys = new Map<string, SigningKey>();
  #lastTime: SigningTime = { text: "", atMs: 0 };
  readonly #given = Buffer.alloc(signatureLength);
  readonly #computed = Buffer.alloc(signatureLength);

  constructor({ keys, region, service = "dynamodb", nowMs = Date.now, rememberedMax = 4096 }: Sigv4Options) {
    this.#keys = new Map(
      keys.map(({ accessKeyId, secretAccessKey, name }) => [
        accessKeyId,
        { principal: Object.freeze({ accessKeyId, name }), secret: secretAccessKey },
      ]),
    );
    this.#region = region;
    this.#service = service;
    this.#nowMs = nowMs;
    this.#rememberedMax = rememberedMax;
  }

  authenticate(request: SignedRequest): Principal {
    const { rawHeaders } = request;
    const presented = this.#present(request);
    const { signer, signature, time, prefix } = presented;
    const values = signer.signedHeaders.valuesIn(rawHeaders);
    const bodyHash = hash("sha256", request.body, "hex");
    // UNSIGNED-PAYLOAD is S3's; a hash that is not the body's would leave the body unsigned as well.
    const givenHash = signer.signedHeaders.pick("x-amz-content-sha256", values);
    if (givenHash !== undefined && givenHash !== bodyHash) throw mismatch();
    const canonical = canonicalHash({
      method: request.method,
      path: "/",
      query: presented.query.length === 0 ? "" : canonicalQuery(presented.query),
      headers: signer.signedHeaders.canonical(values),
      signedHeaders: signer.signedHeaders.text,
      bodyHash,
    });
    const expected = signer.key.sign(stringToSign(time.text, signer.scope, canonical));
    if (!this.#isSame(signature, expected)) throw mismatch();
    if (signer.signedHeaders.pick("x-amz-security-token", values) !== undefined) throw unrecognized();
    if (presented.query.some(([name]) => name === "X-Amz-Security-Token")) throw unrecognized();
    if (prefix !== undefined) remember(this.#signers, prefix, signer, this.#rememberedMax);
    return signer.principal;
  }

  #present({ url, rawHeaders }: SignedRequest): Presented {
    const query = url === "/" ? noParameters : parametersOf(url);
    const isPresigned = query.some(([name]) => name === "X-Amz-Algorithm");
    const { value: authorization, count } = headerIn(rawHeaders, "authorization");
    if (authorization !== undefined && isPresigned) {
      throw invalid(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
      );
    }
    if (isPresigned) return this.#presentQuery(query);
    if (authorization === undefined || !authorization.startsWith("AWS4-")) throw missing();
    if (count > 1) throw incomplete("The request has more than one Authorization header.");
    return this.#presentHeader(authorization, rawHeaders, query);
  }

  #presentHeader(
    authorization: string,
    rawHeaders: readonly string[],
    query: readonly Parameter[],
  ): Presented {
    const date = headerIn(rawHeaders, "x-amz-date").value || headerIn(rawHeaders, "date").value || undefined;
    const prefix = authorization.slice(0, -signatureLength);
    const known = this.#signers.get(prefix);
    if (known !== undefined && date !== undefined) {
      const time = this.#timeOf(date);
      if (time.text.startsWith(known.date)) {
        const signature = authorization.slice(-signatureLength);
        return { prefix, signature, signer: known, time, query };
      }
    }
    const claim = readHeaderClaim(authorization, date !== undefined);
    const time = this.#timeOf(date ?? "");
    // Elsewhere than at the end the signature is not what varies.
    const isLast = authorization.endsWith(claim.signature);
    const signer = this.#signerOf(claim, time);
    return { prefix: isLast ? prefix : undefined, signature: claim.signature, signer, time, query };
  }

  #presentQuery(query: readonly Parameter[]): Presented {
    const { claim, date, expiresSeconds } = readQueryClaim(query);
    const time = this.#timeOf(date, expiresSeconds);
    const signer = this.#signerOf(claim, time);
    return { prefix: undefined, signature: claim.signature, signer, time, query };
  }

  /** The signing time, if it is within the window. */
  #timeOf(text: string, expiresSeconds?: number): SigningTime {
    if (text !== this.#lastTime.text) this.#lastTime = parseSigningTime(text);
    const time = this.#lastTime;
    checkSigningTime(time, this.#nowMs(), expiresSeconds);
    return time;
  }

  /** @throws DynamoDbError for the first thing that is wrong, the signature itself aside */
  #signerOf(claim: Claim, time: SigningTime): Signer {
    const signedHeaders = new SignedHeaders(claim.signedHeaders);
    if (claim.algorithm !== algorithm) {
      throw incomplete(
        `Unsupported AWS 'algorithm': '${echo(claim.algorithm)}' (only ${algorithm} for now). `,
      );
    }
    const parts = claim.credential.split("/", 6);
    if (parts.length !== 5) {
      throw incomplete(
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, " +
          `got '${echo(claim.credential)}'`,
      );
    }
    const [accessKeyId = "", date = ""] = parts;
    this.#checkScope(parts, time);
    const known = this.#keys.get(accessKeyId);
    if (known === undefined) throw unrecognized();
    if (!signaturePattern.test(claim.signature)) throw mismatch();
    const scope = claim.credential.slice(accessKeyId.length + 1);
    return { principal: known.principal, date, scope, signedHeaders, key: this.#keyFor(known, date) };
  }

  #checkScope([, date, region, service, terminator]: readonly string[], time: SigningTime): void {
    const complaints: string[] = [];
    if (region !== this.#region) {
      complaints.push(
        `Credential should be scoped to a valid region, not '${echo(region ?? "")}'. ` +
          `(This proxy serves ${this.#region}: set the client's region to it, or the proxy's setting region.)`,
      );
    }
    if (service !== this.#service) {
      complaints.push(`Credential should be scoped to correct service: '${this.#service}'.`);
    }
    if (terminator !== "aws4_request") {
      const given = echo(terminator ?? "");
      complaints.push(`Credential should be scoped with a valid terminator: 'aws4_request', not '${given}'.`);
    }
    const day = time.text.slice(0, 8);
    if (date !== day) {
      complaints.push(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
          `'${echo(date ?? "")}' != '${day}', from '${time.text}'.`,
      );
    }
    if (complaints.length > 0) throw invalid(complaints.join(" "));
  }

  /** `date`: that of a request within the window, so that there are at most two for each key. */
  #keyFor({ principal, secret }: KnownKey, date: string): SigningKey {
    const id = `${date}/${principal.accessKeyId}`;
    const found = this.#signingKeys.get(id);
    if (found !== undefined) return found;
    const made = deriveSigningKey(secret, date, this.#region, this.#service);
    remember(this.#signingKeys, id, made, this.#rememberedMax);
    return made;
  }

  /** In a time that does not tell how much of it is right. */
  #isSame(given: string, expected: string): boolean {
    if (given.length !== signatureLength) return false;
    this.#given.write(given, "latin1");
    this.#computed.write(expected, "latin1");
    return timingSafeEqual(this.#given, this.#computed);
  }
}

const noParameters: readonly Parameter[] = [];

/** @throws InvalidSignatureException for a path that is none of ours, or a query that cannot have been signed */
function parametersOf(url: string): Parameter[] {
  if (!url.startsWith("/?")) throw mismatch();
  try {
    return parseQuery(url.slice(2));
  } catch (error) {
    if (error instanceof URIError) throw mismatch();
    throw error;
  }
}

/** Adds to a map that forgets everything when it is full: what is forgotten is only computed once more. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value, max: number): void {
  if (map.has(key)) return;
  if (map.size >= max) map.clear();
  map.set(key, value);
}
