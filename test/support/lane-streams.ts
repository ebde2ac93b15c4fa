// What clients may send, as bytes: requests as the SDKs of four languages write them, alone and pipelined, and what
// becomes of them when they are harmed.

import { bytesOf, type Request, requestOf, sdks } from "./sdk-requests.ts";

/** A source of numbers that gives the same ones for the same seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `sides`. */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.roll(values.length)]!;
  }
}

const bodies = [
  '{"TableName":"t","Key":{"pk":{"S":"1"}}}',
  '{"TableName":"Music","Key":{"Artist":{"S":"Björk"},"Song":{"S":"\u{1f3b5}"}}}',
  `{"TableName":"t","Key":{"pk":{"S":"${"x".repeat(300)}"}}}`,
  "",
  "{}",
  "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
  "0\r\n\r\n",
  "5\r\nhello\r\n0\r\n\r\n",
];

/** Header lines that say something about where a request ends, or that parsers are known to differ on. */
export const oddHeaders: readonly string[] = [
  ...["Transfer-Encoding: chunked", "Transfer-Encoding: identity", "transfer-encoding:chunked"],
  ...["Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding: gzip, chunked"],
  ...["Transfer_Encoding: chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding: chunked\r\n folded"],
  ...[
    "Content-Length: 0",
    "Content-Length: 5",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 05",
  ],
  ...[
    "Content-Length: 5 ",
    "Content-Length:  5",
    "Content-Length:5",
    "Content-Length: 5, 5",
    "Content-Length: 0x5",
  ],
  ...[
    "Content-Length: 5 5",
    "Content-Length: ",
    "Content-Length:",
    "Content-Length : 5",
    "Content_Length: 5",
  ],
  ...["Content-Length: 99999999999999999999", "Content-Length: 4294967297", "Content-Length: 5\r\n 5"],
  ...["Content-Length: 1e1", "Content-Length: 99999999", "Content-Length: ٥", "Content-Length: 5;"],
  ...["Expect: 100-continue", "Expect: 200-maybe", "Upgrade: h2c", "Upgrade: websocket", "TE: trailers"],
  ...[
    "Connection: close",
    "Connection: upgrade",
    "Connection: keep-alive, close",
    "Connection: close, x-a",
    "Connection: Keep-Alive",
  ],
  ...["Connection: keep-alive, Upgrade", "Proxy-Connection: close", "Keep-Alive: timeout=5", "Trailer: x-a"],
  ...[
    " folded: yes",
    "\tfolded",
    ": no name",
    "no colon",
    "x y: z",
    "x\0: nul",
    "x: nul\0",
    "x: bare\rcr",
    "x:",
  ],
  ...[
    "x: bare\nlf",
    "x: \x7f",
    "x: \x80\xff",
    "x: \t",
    "Host: other",
    "Host:",
    "host : a",
    "HTTP2-Settings: AAMAAABk",
  ],
  ...[
    "X-Amz-Target: DynamoDB_20120810.PutItem",
    "Content-Type: text/plain",
    "authorization: Basic x",
    "\rx: y",
  ],
  ...["X-Dynatier-Cache-Control: no-cache", "x-dynatier-cache-control: max-age=5", "Content-Encoding: gzip"],
];

const oddLines: readonly string[] = [
  ...[
    "GET / HTTP/1.1",
    "POST /x HTTP/1.1",
    "POST / HTTP/1.0",
    "post / HTTP/1.1",
    "POST  / HTTP/1.1",
    "POST / HTTP/2.0",
  ],
  ...[
    "POST http://a/ HTTP/1.1",
    "PRI * HTTP/2.0",
    "POST /",
    "\r\nPOST / HTTP/1.1",
    "POST / HTTP/1.1 ",
    "\nPOST / HTTP/1.1",
  ],
  ...[
    "POST / HTTP/1.01",
    "POST /?a=b HTTP/1.1",
    "POST / http/1.1",
    " POST / HTTP/1.1",
    "CONNECT a:1 HTTP/1.1",
    "POST / HTTP/1.1\r",
  ],
];

const oddLengths = "0 00 05 1 5 +5 -1 5\t 0x5 5,5 5_ 4294967296 18446744073709551616 99999999 7 64".split(
  " ",
);
const oddBytes = [0x0d, 0x0a, 0, 0x20, 0x09, 0x3a, 0x80, 0xff, 0x7f, 0x2c, 0x30, 0x35, 0x2d, 0x0b];

/** Harms one request where HTTP sees it: its line, its header lines, its length, its body. */
const requestHarms: readonly ((request: Request, dice: Dice) => void)[] = [
  ({ headers }, dice) => headers.splice(dice.roll(headers.length + 1), 0, dice.pick(oddHeaders)),
  ({ headers }, dice) => headers.splice(dice.roll(headers.length + 1), 0, dice.pick(headers)),
  ({ headers }, dice) => headers.splice(dice.roll(headers.length), 1),
  (request, dice) => (request.line = dice.pick(oddLines)),
  (request, dice) => {
    const length = Buffer.byteLength(request.body) + dice.roll(5) - 2;
    const said = dice.roll(2) === 0 ? String(length) : dice.pick(oddLengths);
    request.headers = request.headers.map((line) => line.replace(/^(content-length: ).*/i, `$1${said}`));
  },
  (request, dice) => {
    const size = Buffer.byteLength(request.body);
    const said = dice.pick([
      size.toString(16),
      "0",
      `${size.toString(16)};x=y`,
      `0${size.toString(16)}`,
      "fffffffff",
    ]);
    request.body = `${said}\r\n${request.body}\r\n0\r\n\r\n`;
    const header = dice.pick(oddHeaders.slice(0, 9));
    if (dice.roll(3) > 0) request.headers.push(header);
    else request.headers = request.headers.map((line) => (/^content-length/i.test(line) ? header : line));
  },
  (request, dice) =>
    request.headers.push(`x-long: ${"a".repeat(dice.pick([1000, 7000, 8000, 9000, 17_000]))}`),
  (request, dice) => {
    for (let line = dice.pick([40, 60, 70]); line > 0; line -= 1) request.headers.push(`x-${line}: ${line}`);
  },
];

/** Harms a stream where the wire does: its bytes. */
const byteHarms: readonly ((bytes: Buffer, dice: Dice) => Buffer)[] = [
  (bytes, dice) => {
    const harmed = Buffer.from(bytes);
    harmed[dice.roll(bytes.length)] = dice.roll(3) === 0 ? dice.roll(256) : dice.pick(oddBytes);
    return harmed;
  },
  (bytes, dice) => {
    const at = dice.roll(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from([dice.pick(oddBytes)]), bytes.subarray(at)]);
  },
  (bytes, dice) => {
    const at = dice.roll(bytes.length);
    return Buffer.concat([
      bytes.subarray(0, at),
      bytes.subarray(at + 1 + (dice.roll(4) === 0 ? dice.roll(30) : 0)),
    ]);
  },
  (bytes, dice) => {
    const at = dice.roll(bytes.length);
    const end = at + dice.roll(80);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
  },
  (bytes, dice) => bytes.subarray(0, dice.roll(bytes.length + 1)),
  (bytes, dice) => {
    // A line end that is none: one of its two bytes only.
    const ends: number[] = [];
    for (let at = bytes.indexOf("\r\n"); at >= 0; at = bytes.indexOf("\r\n", at + 2)) ends.push(at);
    if (ends.length === 0) return bytes;
    const at = dice.pick(ends) + dice.roll(2);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
  },
];

/** One to four requests in a row, most of them harmed in up to three ways. */
export function stream(dice: Dice): Buffer {
  const count = dice.pick([1, 1, 1, 2, 2, 3, 4]);
  const requests = Array.from({ length: count }, () =>
    requestOf(dice.pick(Object.keys(sdks)), dice.pick(bodies)),
  );
  const harms = dice.roll(4);
  let bytesHarmed = 0;
  for (let harm = 0; harm < harms; harm += 1) {
    if (dice.roll(2) === 0) dice.pick(requestHarms)(dice.pick(requests), dice);
    else bytesHarmed += 1;
  }
  let bytes: Buffer = Buffer.concat(requests.map(bytesOf));
  while (bytesHarmed-- > 0 && bytes.length > 0) bytes = dice.pick(byteHarms)(bytes, dice);
  return bytes;
}

/** The stream in pieces: whole, in two, in several, or byte by byte. */
export function pieces(bytes: Buffer, dice: Dice): Buffer[] {
  if (bytes.length === 0) return [];
  const way = dice.roll(100);
  if (way < 40) return [bytes];
  if (way < 43) return Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));
  const cuts = Array.from({ length: way < 75 ? 1 : 1 + dice.roll(6) }, () => dice.roll(bytes.length + 1));
  const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
  return places
    .slice(1)
    .map((end, at) => bytes.subarray(places[at], end))
    .filter((piece) => piece.length > 0);
}
