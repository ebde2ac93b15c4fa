/**
 * Which tables' streams this node reads for all: those whose lease it holds. A lease counts from before it was asked for,
 * so that nobody holds one longer than the store says. Two that lead at once do no harm: forgetting twice is forgetting.
 */

import { type SharedStore, StoreUnavailable } from "../redis/shared-store.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";

/** What decides whether this node reads a table's stream. */
export interface Leadership {
  /** To be called often while the table's stream should be read by somebody. Returns whether it is for this node to do. */
  tend(tableId: string): boolean;
  /** The stream need not be read any more, at least not by this node. */
  leave(tableId: string): void;
  /** Gives back everything. Fulfilled when the store knows, or cannot be told. */
  stop(): Promise<void>;
}

export interface StreamLeaderOptions {
  readonly store: Pick<SharedStore, "lease" | "release">;
  /** Random id of this process. */
  readonly holder: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a lease holds if it is not renewed: after so long, and a third, another node takes over. */
  readonly leaseMs?: number | undefined;
}

const LEASE_MS = 5_000;
const RENEWALS = 3;

interface Lease {
  /** Until when it is held; −Infinity = it is not. */
  endsAtMs: number;
  /** When it is asked for again. */
  dueAtMs: number;
  asking: Promise<void> | undefined;
  isLeft: boolean;
}

export class StreamLeader implements Leadership {
  readonly #options: StreamLeaderOptions;
  readonly #leaseMs: number;
  /** One for each table whose stream is read by anybody. */
  readonly #leases = new Map<string, Lease>();
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: StreamLeaderOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
  }

  tend(tableId: string): boolean {
    const nowMs = this.#options.clock.nowMs();
    let lease = this.#leases.get(tableId);
    if (lease === undefined) {
      lease = { endsAtMs: Number.NEGATIVE_INFINITY, dueAtMs: nowMs, asking: undefined, isLeft: false };
      this.#leases.set(tableId, lease);
    }
    if (lease.asking === undefined && nowMs >= lease.dueAtMs) {
      const asked = lease;
      asked.asking = this.#ask(tableId, asked, nowMs).finally(() => {
        asked.asking = undefined;
      });
    }
    return nowMs < lease.endsAtMs;
  }

  leave(tableId: string): void {
    const lease = this.#leases.get(tableId);
    if (lease === undefined) return;
    this.#leases.delete(tableId);
    lease.isLeft = true;
    const left = this.#release(tableId, lease).finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  async stop(): Promise<void> {
    for (const tableId of [...this.#leases.keys()]) this.leave(tableId);
    await Promise.all(this.#leaving);
  }

  async #ask(tableId: string, lease: Lease, nowMs: number): Promise<void> {
    const { store, holder, log } = this.#options;
    const held = lease.endsAtMs > nowMs;
    lease.dueAtMs = nowMs + this.#leaseMs / RENEWALS;
    try {
      const isOurs = await store.lease(leaseName(tableId), holder, this.#leaseMs);
      lease.endsAtMs = isOurs ? nowMs + this.#leaseMs : Number.NEGATIVE_INFINITY;
      if (isOurs !== held && !lease.isLeft) {
        log.info({ table: tableId }, isOurs ? "this node reads the table's stream" : "another node reads it");
      }
    } catch (error) {
      // It holds for as long as it did; whether it was renewed nobody knows.
      if (!(error instanceof StoreUnavailable)) log.error({ error }, "a lease could not be asked for");
    }
  }

  /** After what was asked for has been answered: the answer would take it again. */
  async #release(tableId: string, lease: Lease): Promise<void> {
    const { store, holder, log } = this.#options;
    await lease.asking;
    // Somebody wants it again meanwhile.
    if (this.#leases.has(tableId)) return;
    try {
      await store.release(leaseName(tableId), holder);
    } catch (error) {
      // Then it ends by itself.
      if (!(error instanceof StoreUnavailable)) log.error({ error }, "a lease could not be given back");
    }
  }
}

function leaseName(tableId: string): string {
  return `stream:${tableId}`;
}
