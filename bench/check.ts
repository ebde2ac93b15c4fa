/** Are the replies right? Asked of every server before it is measured; for the proxy this also fills its cache. */

import { isDeepStrictEqual } from "node:util";
import { crc32 } from "node:zlib";
import { type CallReply, call } from "../test/support/raw-client.ts";
import { TABLE } from "./data.ts";
import { isProxy, type Row } from "./rows.ts";
import { prepare, type Workload } from "./workloads.ts";

const inFlight = 16;
/** Requests whose replies are compared where the cache need not be filled. */
const sampleMax = 200;
const complaintsMax = 3;

/**
 * @param requests the numbers of the requests that the load will send
 * @returns what is wrong, at most a few of it
 */
export async function checkRow(
  row: Row,
  url: string,
  workload: Workload,
  requests: readonly number[],
): Promise<string[]> {
  const sample = requests.slice(0, sampleMax);
  const fills = isProxy(row.server) && !row.noCache;
  const wrong = fills ? await ask(row, url, workload, requests, undefined) : [];
  if (wrong.length > 0) return wrong;
  return ask(row, url, workload, sample, row.server === "upstream" ? "none" : row.cache);
}

async function ask(
  row: Row,
  url: string,
  workload: Workload,
  requests: readonly number[],
  cache: RegExp | "none" | undefined,
): Promise<string[]> {
  const complaints: string[] = [];
  let next = 0;
  const asker = async (): Promise<void> => {
    while (next < requests.length && complaints.length < complaintsMax) {
      const request = requests[next++]!;
      const { headers, body } = prepare(workload, request, row.noCache);
      const reply = await call(url, workload.operation, body, { headers });
      // The bare Fastify handler has one canned reply.
      const expected = workload.reply(row.server === "fastify" ? 0 : request);
      const fault = faultOf(reply, expected, cache);
      if (fault !== undefined) complaints.push(`${row.id}, request ${request}: ${fault}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, asker));
  return complaints.slice(0, complaintsMax);
}

function faultOf(
  reply: CallReply,
  expected: Record<string, unknown>,
  cache: RegExp | "none" | undefined,
): string | undefined {
  if (reply.status !== 200) return `status ${reply.status}: ${reply.bytes.toString().slice(0, 300)}`;
  if (!isDeepStrictEqual(sorted(reply.body), sorted(expected)))
    return `another body: ${reply.bytes.toString().slice(0, 300)}`;
  if (Number(reply.headers["x-amz-crc32"]) !== crc32(reply.bytes)) return "x-amz-crc32 does not fit the body";
  const said = reply.headers["x-dynatier-cache"];
  if (cache === undefined) return undefined;
  const fits = cache === "none" ? said === undefined : typeof said === "string" && cache.test(said);
  return fits ? undefined : `x-dynatier-cache is ${JSON.stringify(said)}`;
}

/** A batch's items come in no order. */
function sorted(body: Record<string, unknown>): Record<string, unknown> {
  const responses = body.Responses;
  if (typeof responses !== "object" || responses === null) return body;
  const items: unknown = Reflect.get(responses, TABLE);
  if (!Array.isArray(items)) return body;
  const inOrder = items.map((item) => [nameOf(item), item] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...body, Responses: { [TABLE]: inOrder.map(([, item]) => item) } };
}

function nameOf(item: { pk?: { S?: string }; sk?: { S?: string } }): string {
  return `${item.pk?.S} ${item.sk?.S}`;
}
