/** Commands as they go to the server: RESP. */

import type { RedisCommand } from "./batch.ts";

/** Text where all of it is. */
export function respOf(command: RedisCommand): string | Buffer {
  if (!command.every((word) => typeof word === "string")) return respBytes(command);
  let text = `*${command.length}\r\n`;
  for (const word of command) text += `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
  return text;
}

function respBytes(command: RedisCommand): Buffer {
  const parts = command.flatMap((word) => {
    const bytes = Buffer.from(word);
    return [Buffer.from(`$${bytes.byteLength}\r\n`), bytes, Buffer.from("\r\n")];
  });
  return Buffer.concat([Buffer.from(`*${command.length}\r\n`), ...parts]);
}
