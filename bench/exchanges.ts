/** The exchanges of a workload: every connection speaks like one SDK, and some replies are compared to the last byte. */

import { isDeepStrictEqual } from "node:util";
import { crc32 } from "node:zlib";
import { PROFILES } from "./data.ts";
import type { Exchange, Source } from "./replay.ts";
import { type SdkName, type Sender, sdkNames } from "./sdk-forms.ts";
import type { Workload } from "./workloads.ts";

/** One reply of so many is compared in full. */
const sampleEvery = 64;
const shown = 300;

export interface Expectation {
  /** x-dynatier-cache; "none" = there must be none, undefined = it is not looked at. */
  readonly cache: RegExp | "none" | undefined;
  readonly noCache: boolean;
}

/** The SDK that a connection speaks like. */
export function sdkOf(connection: number): SdkName {
  return sdkNames[connection % sdkNames.length]!;
}

/** The exchanges that these requests are, by connection; each of them looks at its reply in full. */
export function exchangesOf(
  workload: Workload,
  sender: Sender,
  requests: readonly (readonly number[])[],
  expectation: Expectation,
): Exchange[][] {
  const more = expectation.noCache ? ["x-dynatier-cache-control: no-cache"] : [];
  const lengths = new Map<number, number>();
  const lengthOf = (request: number): number => {
    const known = lengths.get(request) ?? Buffer.byteLength(JSON.stringify(workload.reply(request)));
    lengths.set(request, known);
    return known;
  };
  return requests.map((ofConnection, connection) =>
    ofConnection.map((request) => {
      const { operation } = workload;
      return {
        bytes: sender.bytes(sdkOf(connection), { operation, input: workload.input(request), more }),
        bodyBytes: lengthOf(request),
        look: (head, body) => faultOf(head, body, workload.reply(request), expectation.cache),
      };
    }),
  );
}

/** Over and over; most replies are not looked into. */
export function repeating(exchanges: readonly (readonly Exchange[])[]): Source {
  const plain = exchanges.map((list) => list.map(({ bytes, bodyBytes }) => ({ bytes, bodyBytes })));
  const next = exchanges.map(() => 0);
  let sent = 0;
  return (connection) => {
    const list = (++sent % sampleEvery === 0 ? exchanges : plain)[connection % exchanges.length]!;
    const at = next[connection % exchanges.length]!++;
    return list[at % list.length];
  };
}

/** Each of them once, whatever connection it was meant for. */
export function onceEach(exchanges: readonly (readonly Exchange[])[]): Source {
  const all = exchanges.flat();
  let next = 0;
  return () => all[next++];
}

/** What is wrong with a reply. */
export function faultOf(
  head: string,
  body: Buffer,
  expected: Record<string, unknown>,
  cache: RegExp | "none" | undefined,
): string | undefined {
  const text = body.toString();
  const found: Record<string, unknown> = JSON.parse(text);
  if (!isDeepStrictEqual(sorted(found), sorted(expected))) return `another body: ${text.slice(0, shown)}`;
  const crc = header(head, "x-amz-crc32");
  if (Number(crc) !== crc32(body)) return `x-amz-crc32 is ${crc}, which does not fit the body`;
  const said = header(head, "x-dynatier-cache");
  if (cache === undefined) return undefined;
  const fits = cache === "none" ? said === undefined : said !== undefined && cache.test(said);
  return fits ? undefined : `x-dynatier-cache is ${said}`;
}

function header(head: string, name: string): string | undefined {
  return new RegExp(`\r\n${name}: *([^\r]*)\r\n`, "i").exec(head)?.[1];
}

/** A batch's items come in no order. */
function sorted(body: Record<string, unknown>): Record<string, unknown> {
  const responses = body.Responses;
  if (typeof responses !== "object" || responses === null) return body;
  const items: unknown = Reflect.get(responses, PROFILES);
  if (!Array.isArray(items)) return body;
  const inOrder = items.map((item) => [nameOf(item), item] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...body, Responses: { [PROFILES]: inOrder.map(([, item]) => item) } };
}

function nameOf(item: { pk?: { S?: string }; sk?: { S?: string } }): string {
  return `${item.pk?.S} ${item.sk?.S}`;
}
