/** One master between its connection's opening and its end: who it is, what it last said of itself, how to write to it. */

import type { RedisAddress } from "../util/redis-address.ts";
import { AcknowledgedWrites } from "./acknowledged.ts";
import type { Key, Keys } from "./keys.ts";
import { Link, type LinkOptions } from "./link.ts";
import { integerOf, pairsOf, refused, textOf } from "./replies.ts";
import { SCRIPTS, STORE_IDS } from "./scripts.ts";
import { StoreUnavailable } from "./shared-store.ts";
import type { MasterPlace } from "./topology.ts";
import { EvictionWatch, INFO, type Vitals, vitalsOf } from "./vitals.ts";

export interface MasterOptions {
  readonly mode: RedisAddress["mode"];
  readonly link: LinkOptions;
  readonly keys: Keys;
  /** For everything that nobody waits for: opening, greeting, looking after it. */
  readonly contactTimeoutMs: number;
  readonly invalidateTimeoutMs: number;
}

const VERSION_MIN = 7;

export class Master {
  readonly place: MasterPlace;
  readonly link: Link;
  readonly #options: MasterOptions;
  readonly #idsKey: Key;
  readonly #evictions = new EvictionWatch();
  #vitals: Vitals;
  #mayEvict = true;
  #areIdsStored = false;
  #expectsReplicas = false;
  #guarded: Promise<AcknowledgedWrites> | undefined;
  #vouchedAtMs = Number.NEGATIVE_INFINITY;

  /** Connects, looks at it and brings the scripts. Rejects with StoreUnavailable if it is not a master that we can use. */
  static async open(place: MasterPlace, options: MasterOptions): Promise<Master> {
    const link = await Link.open(place.at, options.link, options.contactTimeoutMs);
    try {
      const [info] = await link.send([INFO], options.contactTimeoutMs);
      const vitals = vitalsOf(info);
      const problem = unusable(vitals, options.mode);
      if (problem !== undefined) throw refused(problem);
      const loads = SCRIPTS.map(({ lua }) => ["SCRIPT", "LOAD", lua] as const);
      const loaded = await link.send(loads, options.contactTimeoutMs);
      SCRIPTS.forEach(({ sha }, at) => {
        if (textOf(loaded[at]) !== sha) throw refused("the server knows a script by another name");
      });
      return new Master(place, link, options, vitals);
    } catch (error) {
      link.end(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  private constructor(place: MasterPlace, link: Link, options: MasterOptions, vitals: Vitals) {
    this.place = place;
    this.link = link;
    this.#options = options;
    this.#vitals = vitals;
    this.#idsKey = options.keys.ids((slot) => this.owns(slot));
  }

  get vitals(): Vitals {
    return this.#vitals;
  }

  get mayEvict(): boolean {
    return this.#mayEvict;
  }

  /** Whether somebody saw it with a replica since it started: then what no replica has does not count. */
  get expectsReplicas(): boolean {
    return this.#expectsReplicas;
  }

  owns(slot: number): boolean {
    return this.place.ranges.some(([first, last]) => slot >= first && slot <= last);
  }

  /** Whether the ids stored on it are its own: nobody has told it otherwise since, and nothing was flushed. */
  async remembersItself(nowMs: number): Promise<boolean> {
    const commands = [INFO, ["HGETALL", this.#idsKey.name]] as const;
    const [info, stored] = await this.link.send(commands, this.#options.contactTimeoutMs);
    const vitals = vitalsOf(info);
    const problem = unusable(vitals, this.#options.mode);
    if (problem !== undefined) throw refused(problem);
    const isSame = vitals.runId === this.#vitals.runId && vitals.replicationId === this.#vitals.replicationId;
    this.#vitals = vitals;
    this.#mayEvict = this.#evictions.mayEvict(vitals, nowMs);
    const ids = pairsOf(stored);
    const isStored = ["run", "replication"].every((name) => ids.has(name));
    this.#areIdsStored =
      isStored &&
      textOf(ids.get("run")) === vitals.runId &&
      textOf(ids.get("replication")) === vitals.replicationId;
    if (vitals.replicas > 0 || (this.#areIdsStored && ids.has("replicas"))) this.#expectsReplicas = true;
    // One that has just seen its first replica tells the others.
    if (this.#areIdsStored && this.#expectsReplicas && !ids.has("replicas")) await this.#storeIds();
    return isSame && this.#areIdsStored;
  }

  /** Whether a replica has acknowledged something since then, where there is one: a demoted master has none. */
  isVouchedSince(sinceMs: number): boolean {
    return !this.#expectsReplicas || this.#vouchedAtMs > sinceMs;
  }

  /**
   * Writes something that a replica has to acknowledge.
   * @param nowMs a moment before this call
   */
  async vouch(nowMs: number): Promise<void> {
    if (!this.#expectsReplicas) return;
    const command = ["HSET", this.#idsKey.name, "vouched", String(Math.floor(nowMs))] as const;
    const { isAcknowledged } = await (await this.guarded()).write([command]);
    if (isAcknowledged) this.#vouchedAtMs = nowMs;
  }

  /** Stores its ids on it, unless they are there, and opens the road that marks and heartbeats will need. */
  async keepIds(): Promise<void> {
    if (!this.#areIdsStored) await this.#storeIds();
    if (this.#expectsReplicas) await this.guarded();
  }

  /**
   * The road for writes that must be on a replica before they count. Opened when it is first needed. Whoever answers there
   * must be the one that this master is.
   */
  guarded(): Promise<AcknowledgedWrites> {
    this.#guarded ??= this.#openGuarded().catch((error: unknown) => {
      this.#guarded = undefined;
      throw error;
    });
    return this.#guarded;
  }

  /** One more connection to this very server; over when the main one is. */
  async openLink(timeoutMs: number): Promise<Link> {
    const link = await Link.open(this.place.at, this.#options.link, timeoutMs);
    try {
      const [info] = await link.send([INFO], timeoutMs);
      if (vitalsOf(info).runId !== this.#vitals.runId)
        throw new StoreUnavailable("down", "another server answered");
      this.link.whenEnded((reason) => link.end(reason));
      return link;
    } catch (error) {
      link.end(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  async #openGuarded(): Promise<AcknowledgedWrites> {
    const link = await this.openLink(this.#options.invalidateTimeoutMs);
    // A write that may or may not have arrived there: the whole store has to be looked at anew.
    link.whenEnded((reason) => this.link.end(reason));
    return new AcknowledgedWrites(link, this.#options.invalidateTimeoutMs);
  }

  async #storeIds(): Promise<void> {
    const { runId, replicationId } = this.#vitals;
    const argv = [runId, replicationId, this.#expectsReplicas ? "1" : "0"];
    const command = ["EVALSHA", STORE_IDS.sha, "1", this.#idsKey.name, ...argv] as const;
    const [expects] = await this.link.send([command], this.#options.contactTimeoutMs);
    if (integerOf(expects) === 1) this.#expectsReplicas = true;
    this.#areIdsStored = true;
  }
}

/** Why a server cannot be used; undefined = it can. */
function unusable(vitals: Vitals, mode: RedisAddress["mode"]): string | undefined {
  if (!(vitals.majorVersion >= VERSION_MIN))
    return `${vitals.server} is too old: Redis 7.0 or Valkey 7.2 is needed`;
  if (vitals.isCluster !== (mode === "cluster")) {
    return vitals.isCluster
      ? "this is a Cluster: write redis-cluster://"
      : "this is no Cluster: write redis://";
  }
  return vitals.isMaster ? undefined : "this server is a replica";
}
