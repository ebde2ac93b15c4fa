// One request to one side of the comparison, with the side's own prefix before every table name, and its
// reply.

import { crc32 } from "node:zlib";
import { call } from "../support/raw-client.ts";
import { PREFIX, type Wire } from "./operation.ts";

export interface Side {
  readonly url: string;
  /** Put before every table name and token; of the same length on both sides. */
  readonly prefix: string;
}

export interface Exchange {
  readonly status: number;
  /** The parsed body, or its text where it is no JSON. */
  readonly body: unknown;
  readonly contentType: string | undefined;
  /** x-dynatier-cache; "" without. */
  readonly cache: string;
  /** False where x-amz-crc32 is not the body's. */
  readonly isIntact: boolean;
}

export async function exchange(side: Side, wire: Wire, cacheControl?: string): Promise<Exchange> {
  const text = typeof wire.input === "string" ? wire.input : JSON.stringify(wire.input);
  const reply = await call(side.url, wire.operation, text.replaceAll(PREFIX, side.prefix), {
    headers: cacheControl === undefined ? {} : { "x-dynatier-cache-control": cacheControl },
  });
  const crc = reply.headers["x-amz-crc32"];
  return {
    status: reply.status,
    body: parsed(reply.bytes.toString("utf8").replaceAll(side.prefix, PREFIX)),
    contentType: reply.headers["content-type"],
    cache: String(reply.headers["x-dynatier-cache"] ?? ""),
    isIntact: crc === undefined || Number(crc) === crc32(reply.bytes),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Far more pages than all items of the small tables need. */
const pagesMax = 60;

/** The request's reply, or those of all its pages; with segments, of every segment's. */
export async function exchanges(side: Side, wire: Wire, cacheControl?: string): Promise<Exchange[]> {
  const { input } = wire;
  if (typeof input === "string" || wire.follow === undefined)
    return [await exchange(side, wire, cacheControl)];
  const total = wire.follow === "segments" ? Number(input.TotalSegments) : 1;
  const all: Exchange[] = [];
  for (let segment = 0; segment < total; segment += 1) {
    const part = wire.follow === "segments" ? { ...input, Segment: segment } : input;
    let next: Record<string, unknown> | undefined = {};
    for (let page = 0; next !== undefined; page += 1) {
      if (page >= pagesMax) throw new Error(`more than ${pagesMax} pages: ${JSON.stringify(wire)}`);
      const one: Exchange = await exchange(side, { ...wire, input: { ...part, ...next } }, cacheControl);
      all.push(one);
      next = one.status === 200 ? nextPage(one.body) : undefined;
    }
  }
  return all;
}

function nextPage(body: unknown): Record<string, unknown> | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const ExclusiveStartKey: unknown = Reflect.get(body, "LastEvaluatedKey");
  const NextToken: unknown = Reflect.get(body, "NextToken");
  if (ExclusiveStartKey !== undefined) return { ExclusiveStartKey };
  return NextToken === undefined ? undefined : { NextToken };
}
