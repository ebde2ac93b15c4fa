/** Reads the log on a connection of its own, since waiting for messages holds up everything behind it. */

import type { RedisCommand } from "./batch.ts";
import type { Link } from "./link.ts";
import { isList, listOf, pairsOf, type Reply, refused, sequenceOf } from "./replies.ts";
import type { Session } from "./session.ts";
import { type LogMessage, StoreUnavailable } from "./shared-store.ts";

/** The field that holds a message. */
export const BODY = "b";
const WAIT_MS_MAX = 60_000;

export class LogReader {
  readonly #logName: string;
  /** How long the connection, and the answer after the waiting, may take. */
  readonly #timeoutMs: number;
  #link: Link | undefined;
  #isReading = false;

  constructor(logName: string, timeoutMs: number) {
    this.#logName = logName;
    this.#timeoutMs = timeoutMs;
  }

  /** One reader at a time: a second one is refused. */
  async read(
    session: Session,
    after: number,
    countMax: number,
    waitMs: number,
  ): Promise<readonly LogMessage[]> {
    if (this.#isReading) throw refused("the log is already being read");
    this.#isReading = true;
    try {
      const link = await this.#linkOf(session);
      const block = Math.min(Math.ceil(waitMs), WAIT_MS_MAX);
      const wait = block > 0 ? ["BLOCK", String(block)] : [];
      const words = ["COUNT", String(countMax), ...wait, "STREAMS", this.#logName, `0-${after}`];
      const command: RedisCommand = ["XREAD", ...words];
      const [reply] = await link.send([command], block + this.#timeoutMs).catch((error: unknown) => {
        // What it still owes us would hold up the next one.
        link.end("the log could not be read");
        throw error;
      });
      if (session.ended !== undefined) throw new StoreUnavailable("down", session.ended);
      const messages = messagesOf(reply);
      for (const { sequence } of messages) session.reached(sequence);
      return messages;
    } finally {
      this.#isReading = false;
    }
  }

  close(): void {
    this.#link?.end("the store was closed");
  }

  /** A connection to the very server that contact was made with: it ends when the session does. */
  async #linkOf(session: Session): Promise<Link> {
    if (this.#link && this.#link.ended === undefined) return this.#link;
    this.#link = await session.log.openLink(this.#timeoutMs);
    return this.#link;
  }
}

function messagesOf(reply: Reply | undefined): readonly LogMessage[] {
  if (reply === null) return [];
  const [stream] = listOf(reply);
  const [, entries] = listOf(stream);
  return listOf(entries).map((entry) => {
    const [id, fields] = listOf(entry);
    const body = isList(fields) ? pairsOf(fields).get(BODY) : undefined;
    if (!Buffer.isBuffer(body)) throw refused("the log has a message that is not ours");
    return { sequence: sequenceOf(id), body };
  });
}
