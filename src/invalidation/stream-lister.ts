// Lists a stream's shards: all of them page by page, or the children of one where the service knows the
// filter.

import { fullJitterMs } from "../util/backoff.ts";
import type { GapReason } from "./change-source.ts";
import { addShards, type ShardTree } from "./shard-lineage.ts";
import type { ReaderContext } from "./shard-reader.ts";
import { type DescribeOptions, type Shard, type ShardPage, StreamError } from "./stream-api.ts";

export interface Listing {
  readonly status: string;
  readonly tree: ShardTree;
}

/** How a following ended: with positions lost, so that another must begin; or for good. */
export interface Outcome {
  readonly kind: "gap" | "stop";
  readonly reason: GapReason;
}

/** What a listing may show instead of shards. */
export type ListingEnd = "stream gone" | "too many shards";

/** StreamStatus of a stream that gets no more records (API_streams_StreamDescription). */
export function isOver(status: string): boolean {
  return status === "DISABLED" || status === "DISABLING";
}

/** Closed shards stay listed for a day, and shards are replaced every few hours. */
const listedPerShard = 10;

export class StreamLister {
  readonly #context: ReaderContext;
  /** False once the service has shown that it does not know the filter. */
  #filters = true;
  #pages = 1;

  constructor(context: ReaderContext) {
    this.#context = context;
  }

  /** Whether asking for one shard's children is worth while. */
  get filters(): boolean {
    return this.#filters;
  }

  /** Pages of the last whole listing: what it costs to look through all shards. */
  get pages(): number {
    return this.#pages;
  }

  /** Every shard, asked for until it is answered. Undefined if the signal is aborted meanwhile. */
  async whole(): Promise<Listing | ListingEnd | undefined> {
    const tree = new Map<string, Shard>();
    let status = "";
    let after: string | undefined;
    for (let pages = 1; ; pages++) {
      const page = await this.#insist({ after });
      if (page === undefined || page === "stream gone") return page;
      status = page.status;
      const before = tree.size;
      addShards(tree, page.shards);
      if (tree.size > this.#context.settings.shardsMax * listedPerShard) return "too many shards";
      // A page without news would be followed by itself for ever.
      const stuck = tree.size === before && page.lastShardId === after;
      if (page.lastShardId === undefined || stuck) {
        this.#pages = pages;
        return { status, tree };
      }
      after = page.lastShardId;
    }
  }

  /**
   * The children of a shard, and the stream's status. Undefined if the filter did not help: everything must
   * be listed.
   */
  async children(
    shardId: string,
  ): Promise<{ readonly status: string; readonly shards: Shard[] } | undefined> {
    const tree = new Map<string, Shard>();
    let after: string | undefined;
    for (;;) {
      const page = await this.#ask({ childrenOf: shardId, after });
      if (page instanceof StreamError) {
        if (page.kind === "refused") this.#filters = false;
        return undefined;
      }
      // DynamoDB Local ignores the filter without a word.
      if (page.shards.some(({ parentShardId }) => parentShardId !== shardId)) {
        this.#filters = false;
        return undefined;
      }
      const before = tree.size;
      addShards(tree, page.shards);
      if (page.lastShardId === undefined || tree.size === before) {
        return { status: page.status, shards: [...tree.values()] };
      }
      after = page.lastShardId;
    }
  }

  /** One page, asked for until it is answered. */
  async #insist(options: DescribeOptions): Promise<ShardPage | "stream gone" | undefined> {
    for (let failures = 1; ; failures++) {
      const page = await this.#ask(options);
      if (!(page instanceof StreamError)) return page;
      if (page.kind === "gone") return "stream gone";
      if (!(await this.#pause(failures))) return undefined;
    }
  }

  /** One page or its error, counted. A throttled call is made again. */
  async #ask(options: DescribeOptions): Promise<ShardPage | StreamError> {
    const { api, counts, signal } = this.#context;
    for (let failures = 1; ; failures++) {
      try {
        const page = await api.describe(options, signal);
        counts.succeeded();
        return page;
      } catch (error) {
        if (!(error instanceof StreamError)) throw error;
        if (error.kind === "aborted") return error;
        counts.failed(error);
        if (error.kind !== "throttled" || !(await this.#pause(failures))) return error;
      }
    }
  }

  /** False if the signal was aborted. */
  async #pause(failures: number): Promise<boolean> {
    const { pollMs: baseMs, backoffMsMax: capMs, random, sleep } = this.#context.settings;
    await sleep(fullJitterMs(failures, { baseMs, capMs, random }), this.#context.signal);
    return !this.#context.signal.aborted;
  }
}
