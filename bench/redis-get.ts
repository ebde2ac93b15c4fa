/**
 * The load process for plain Redis: GET of 300-byte values over kept-open connections, one command at a time on each.
 * Arguments: port, connections, seconds. Fills the keys itself.
 */

import { connect, type Socket } from "node:net";

const [port = 0, connections = 1, seconds = 1] = process.argv.slice(2).map(Number);
const keys = 10_000;
const valueBytes = 300;
/** "$300\r\n", the value, "\r\n". */
const replyBytes = `$${valueBytes}\r\n`.length + valueBytes + 2;
const fillAtOnce = 500;

const command = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;

async function open(): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return socket;
}

/** Sends, and waits for so many bytes; gives the last of them. */
function ask(socket: Socket, text: string, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let had = 0;
    const listen = (chunk: Buffer): void => {
      had += chunk.length;
      if (had < bytes) return;
      socket.off("data", listen).off("error", reject);
      resolve(chunk);
    };
    socket.on("data", listen).once("error", reject);
    socket.write(text);
  });
}

async function fill(socket: Socket): Promise<void> {
  const value = "v".repeat(valueBytes);
  for (let at = 0; at < keys; at += fillAtOnce) {
    const sets = Array.from({ length: fillAtOnce }, (_, n) => command("SET", `bench:${at + n}`, value));
    await ask(socket, sets.join(""), "+OK\r\n".length * fillAtOnce);
  }
}

const sockets = await Promise.all(Array.from({ length: connections }, open));
await fill(sockets[0]!);
const latenciesMs: number[] = [];
let wrong = 0;
const endsAtMs = performance.now() + seconds * 1000;
await Promise.all(
  sockets.map(async (socket, connection) => {
    for (let at = connection; performance.now() < endsAtMs; at += connections) {
      const beganAtMs = performance.now();
      const reply = await ask(socket, command("GET", `bench:${at % keys}`), replyBytes);
      latenciesMs.push(performance.now() - beganAtMs);
      if (reply.length !== replyBytes || reply[0] !== 0x24) wrong += 1;
    }
  }),
);
for (const socket of sockets) socket.destroy();
process.stdout.write(`result ${JSON.stringify({ latenciesMs, wrong })}\n`);
