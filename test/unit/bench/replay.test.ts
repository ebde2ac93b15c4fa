// The benchmark's load generator finds what is wrong with replies, against a real server that gives such.

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Exchange, type Framing, httpFraming, redisFraming, replay } from "../../../bench/replay.ts";

let server: Server | undefined;
afterEach(() => server?.close());

/** Answers every request, which is one line, as it is told to. */
async function serving(answer: (asked: string, socket: Socket) => void): Promise<number> {
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => answer(bytes.toString().trim(), socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

/** Each of these once, one after the other, on one connection. */
async function asking(port: number, framing: Framing, exchanges: readonly Partial<Exchange>[]) {
  let next = 0;
  return replay({
    ...{ port, connections: 1, framing },
    source: () => {
      const one = exchanges[next++];
      return one && { bytes: Buffer.from(`${next}\n`), bodyBytes: undefined, ...one };
    },
  });
}

const reply = (body: string, status = "200 OK") =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe("replay", () => {
  it("takes whole replies, replies in pieces and replies in chunks, and shows head and body", async () => {
    const port = await serving((asked, socket) => {
      if (asked === "1") socket.write(reply("one"));
      if (asked === "2") {
        socket.write(reply("two").slice(0, 20));
        setTimeout(() => socket.write(reply("two").slice(20)), 5);
      }
      if (asked === "3") {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nth\r\n");
        setTimeout(() => socket.write("3\r\nree\r\n0\r\n\r\n"), 5);
      }
    });
    const seen: string[] = [];
    const look: Exchange["look"] = (head, body) => {
      seen.push(`${head.split("\r\n")[0]}: ${body}`);
      return undefined;
    };
    const found = await asking(port, httpFraming, [{ look, bodyBytes: 3 }, { look }, { look, bodyBytes: 5 }]);
    expect(found).toMatchObject({ replies: 3, failures: 0 });
    expect(seen).toEqual(["HTTP/1.1 200 OK: one", "HTTP/1.1 200 OK: two", "HTTP/1.1 200 OK: three"]);
  });

  it("counts another status, another length, what a look finds, and goes on", async () => {
    const port = await serving((asked, socket) => {
      socket.write(asked === "1" ? reply("no", "500 No") : reply("four"));
    });
    const exchanges = [{}, { bodyBytes: 5 }, { look: () => "wrong" }, { bodyBytes: 4 }];
    const { replies, failures, complaints } = await asking(port, httpFraming, exchanges);
    expect({ replies, failures }).toEqual({ replies: 4, failures: 3 });
    expect(complaints).toEqual([
      expect.stringContaining("500 No"),
      "a body of 4 bytes instead of 5",
      "wrong",
    ]);
  });

  it.each([
    ["a connection was closed", (socket: Socket) => socket.end()],
    ["more came than one reply", (socket: Socket) => socket.write(reply("a") + reply("b"))],
    ["a reply without a length", (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\n\r\n")],
    [
      "a reply in broken chunks",
      (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ],
  ])("%s", async (complaint, answer) => {
    const port = await serving((_asked, socket) => answer(socket));
    const { failures, complaints } = await asking(port, httpFraming, [{}]);
    expect(failures).toBe(1);
    expect(complaints[0]).toContain(complaint);
  });

  it("reads Redis' values, and takes a missing one for an error", async () => {
    const port = await serving((asked, socket) => socket.write(asked === "1" ? "$3\r\nabc\r\n" : "$-1\r\n"));
    const look: Exchange["look"] = (_head, body) => (body.toString() === "abc" ? undefined : "another");
    const { replies, complaints } = await asking(port, redisFraming, [{ look, bodyBytes: 3 }, {}]);
    expect(replies).toBe(1);
    expect(complaints[0]).toContain("no value");
  });

  it("ends when its time is over, and waits for what is under way", async () => {
    const port = await serving((_asked, socket) => setTimeout(() => socket.write(reply("x")), 20));
    let [measured, ends] = [0, 0];
    const { replies, failures } = await replay({
      ...{ port, connections: 4, framing: httpFraming, seconds: 0.2 },
      source: () => ({ bytes: Buffer.from("go\n"), bodyBytes: 1 }),
      onReply: () => measured++,
      onEnd: () => ends++,
    });
    expect({ failures, ends }).toEqual({ failures: 0, ends: 1 });
    expect(replies).toBeGreaterThanOrEqual(measured);
    expect(replies).toBeGreaterThanOrEqual(4);
  });
});
