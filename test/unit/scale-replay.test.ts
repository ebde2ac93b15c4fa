/** The load of bench/scale-replay.ts: what it counts as a reply, as a failure, and how long it says that replies took. */

import { createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Replay } from "../../bench/scale-replay.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const replyOf = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

/** A load on a server that answers each chunk it gets as told. */
async function load(answer: (socket: Socket) => void, replyBytes: number, connections = 3): Promise<Replay> {
  const server = createServer((socket) => socket.on("error", () => {}).on("data", () => answer(socket)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const { port } = address;
  const next = (connection: number): string => `request ${connection}`;
  const replay = new Replay({ port, connections, next, replyBytes, serverCpuSeconds: () => 0 });
  ends.push(() => {
    replay.close();
    server.close();
  });
  await replay.open();
  return replay;
}

describe("replay", () => {
  it("takes replies that come in many pieces for one each", async () => {
    let sent = 0;
    const replay = await load((socket) => {
      sent += 1;
      socket.write(replyOf("x".repeat(500_000)));
    }, 500_000);
    const { replies, failures } = await replay.closed(0.2);
    expect(failures).toBe(0);
    expect(replies).toBeGreaterThan(0);
    // The last ones of the connections come after the end.
    expect(sent).toBe(replies + 3);
  });

  it("counts another status and another length as failures", async () => {
    const bodies = [replyOf("xx"), replyOf("xxx"), replyOf("xx").replace("200", "400")];
    let sent = 0;
    const replay = await load((socket) => socket.write(bodies[sent++ % 3] ?? ""), 2);
    const { failures } = await replay.closed(0.1);
    expect(failures).toBe(Math.floor(sent / 3) * 2 + [0, 0, 1][sent % 3]!);
  });

  it("at a rate, charges a server that stands still with all that was due meanwhile", async () => {
    const stillMs = 300;
    const waiting: Socket[] = [];
    const beganAtMs = performance.now();
    const answer = (socket: Socket): void => void socket.write(replyOf("x"));
    const replay = await load((socket) => {
      if (performance.now() - beganAtMs > stillMs) answer(socket);
      else if (waiting.push(socket) === 1) setTimeout(() => waiting.forEach(answer), stillMs);
    }, 1);
    // Three connections only: who counts from sending has just three slow replies.
    const { failures, p50Ms } = await replay.atRate(1000, 0.3);
    expect(failures).toBe(0);
    expect(p50Ms).toBeGreaterThan(20);
  });
});
