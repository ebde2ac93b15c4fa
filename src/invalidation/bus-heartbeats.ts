/**
 * Writes heartbeats into the log, for those who read it: this node's signs, and the moment at which the log was still the
 * one that everybody writes to. That is shown by a replica's acknowledgement, which comes after the heartbeat is written;
 * so a heartbeat vouches for the moment at which the *last acknowledged* one was sent (1 a master is demoted and does not
 * know it · 2 others write to the new one · 3 a heartbeat that vouched for itself would keep the readers of the old one
 * fresh).
 *
 * Who leads a stream writes one every heartbeatMs. Otherwise one node does, for all: the one whose heartbeat came last
 * goes on; the others take over, each after a time of its own, when none comes.
 */

import { encodePeerMessage } from "../cache/peer-message.ts";
import { StoreUnavailable } from "../redis/shared-store.ts";
import type { BusSettings } from "./bus-settings.ts";

/** How long others wait for the one who writes, in heartbeats; up to one more by chance. */
const PATIENCE = 1.5;
/** What vouches for something so many heartbeats old is followed by another at once. */
const STALE = 2;

export class BusHeartbeats {
  readonly #settings: BusSettings;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  /** When the last heartbeat was sent, if it was acknowledged: a moment of the process' clock. */
  #acknowledgedAtMs: number | undefined;
  #nextAtMs = Number.NEGATIVE_INFINITY;
  /** Increases with every new contact: what was acknowledged before says nothing. */
  #contacts = 0;

  constructor(settings: BusSettings) {
    this.#settings = settings;
  }

  /** A heartbeat that vouches for something has been read. */
  heard(isOwn: boolean): void {
    const { clock, heartbeatMs, random } = this.#settings;
    this.#nextAtMs = isOwn
      ? this.#sentAtMs + heartbeatMs
      : clock.nowMs() + heartbeatMs * (PATIENCE + random());
  }

  /** The log may be another one: nothing has been acknowledged of it. */
  renew(): void {
    this.#contacts += 1;
    this.#acknowledgedAtMs = undefined;
  }

  /** Until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, heartbeatMs, sleep } = this.#settings;
    while (!signal.aborted) {
      const waitMs = this.#dueAtMs() - clock.nowMs();
      // Looked at again soon: by then this node may lead a stream.
      if (waitMs > 0) await sleep(Math.min(waitMs, heartbeatMs), signal);
      else if (await this.#beat()) await this.#beat();
    }
  }

  #dueAtMs(): number {
    const { signs, heartbeatMs } = this.#settings;
    const earliestMs = this.#sentAtMs + heartbeatMs;
    return signs().size > 0 ? earliestMs : Math.max(earliestMs, this.#nextAtMs);
  }

  /** True if it was acknowledged, but vouched for so little that another should follow at once. */
  async #beat(): Promise<boolean> {
    const { store, sender, clock, signs, heartbeatMs, recorder, log } = this.#settings;
    const contact = this.#contacts;
    const sentAtMs = clock.nowMs();
    const vouched = this.#acknowledgedAtMs;
    this.#sentAtMs = sentAtMs;
    try {
      const reference = new Map<string, number>();
      for (const [name, atMs] of signs()) reference.set(name, store.clock.earliestMs(atMs));
      const vouchesAtMs = vouched === undefined ? Number.NEGATIVE_INFINITY : store.clock.earliestMs(vouched);
      const body = encodePeerMessage({ kind: "heartbeat", sender, vouchesAtMs, signs: reference });
      const { acknowledged } = await store.beat(body);
      recorder.beat?.(acknowledged ? "acknowledged" : "unacknowledged");
      const counts = acknowledged && contact === this.#contacts;
      this.#acknowledgedAtMs = counts ? sentAtMs : undefined;
      return counts && (vouched === undefined || sentAtMs - vouched > STALE * heartbeatMs);
    } catch (error) {
      this.#acknowledgedAtMs = undefined;
      recorder.beat?.("failed");
      if (!(error instanceof StoreUnavailable)) log.error({ error }, "a heartbeat could not be written");
      return false;
    }
  }
}
