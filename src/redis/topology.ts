/** Which masters there are, and which of them has which slot of a Cluster. Asked anew before every contact. */

import type { HostPort, RedisAddress } from "../util/redis-address.ts";
import { SLOTS } from "./keys.ts";
import { Link, type LinkOptions } from "./link.ts";
import { integerOf, isList, listOf, refused, textOf } from "./replies.ts";
import { StoreUnavailable } from "./shared-store.ts";

export interface MasterPlace {
  readonly at: HostPort;
  /** [first, last] of its slots; one pair of all of them where there is no Cluster. */
  readonly ranges: readonly (readonly [number, number])[];
}

/** Nodes that are remembered to be asked for the Cluster's shape, beside the configured ones. */
const KNOWN_MAX = 64;

export class Topology {
  readonly #address: RedisAddress;
  readonly #options: LinkOptions;
  readonly #timeoutMs: number;
  #known: readonly HostPort[] = [];
  #turn = 0;

  constructor(address: RedisAddress, options: LinkOptions, timeoutMs: number) {
    this.#address = address;
    this.#options = options;
    this.#timeoutMs = timeoutMs;
  }

  /** The masters as one of the nodes sees them; another node is asked the next time. Rejects with StoreUnavailable. */
  async masters(): Promise<readonly MasterPlace[]> {
    const { mode, nodes } = this.#address;
    const [first] = nodes;
    if (mode === "single" && first) return [{ at: first, ranges: [[0, SLOTS - 1]] }];
    const asked = [...nodes, ...this.#known];
    let failure: unknown;
    for (let at = 0; at < asked.length; at++) {
      const node = asked[(this.#turn + at) % asked.length];
      if (!node) continue;
      try {
        const places = await (mode === "sentinel" ? this.#bySentinel(node) : this.#byNode(node));
        this.#turn = (this.#turn + at) % asked.length;
        return places;
      } catch (error) {
        failure = error;
      }
    }
    this.#turn += 1;
    throw failure ?? new StoreUnavailable("down", "no node to ask");
  }

  /** The one that was asked sees something that does not work: another one is asked the next time. */
  doubt(): void {
    this.#turn += 1;
  }

  /** Where Sentinels say that the master is now; undefined = they do not say, or there are none. */
  async movedTo(): Promise<HostPort | undefined> {
    if (this.#address.mode !== "sentinel") return undefined;
    const [place] = await this.masters().catch(() => []);
    return place?.at;
  }

  async #bySentinel(node: HostPort): Promise<readonly MasterPlace[]> {
    const name = this.#address.masterName ?? "";
    const question = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name] as const;
    // Sentinels have users of their own; those that want a password are given the master's.
    const [open, closed] = [{ ...this.#options, user: undefined, password: undefined, db: 0 }, this.#options];
    const reply = await this.#ask(node, open, question).catch((error: unknown) => {
      if (closed.password === undefined || !(error instanceof Error && /^NOAUTH/.test(error.message)))
        throw error;
      return this.#ask(node, { ...closed, db: 0 }, question);
    });
    if (reply === null) throw refused("the Sentinel does not know a master of this name");
    const [host, port] = listOf(reply);
    return [{ at: { host: textOf(host), port: integerOf(port) }, ranges: [[0, SLOTS - 1]] }];
  }

  async #byNode(node: HostPort): Promise<readonly MasterPlace[]> {
    const masters = new Map<string, { at: HostPort; ranges: [number, number][] }>();
    let covered = 0;
    for (const entry of listOf(await this.#ask(node, this.#options, ["CLUSTER", "SLOTS"]))) {
      const [from, to, master] = listOf(entry);
      const range: [number, number] = [integerOf(from), integerOf(to)];
      const [host, port] = listOf(master);
      // A node that does not know its own name leaves it out: it is where we asked.
      const named = isList(host) || host === null || host === undefined ? "" : textOf(host);
      const at = { host: named === "" || named === "?" ? node.host : named, port: integerOf(port) };
      const place = masters.get(`${at.host} ${at.port}`) ?? { at, ranges: [] };
      place.ranges.push(range);
      masters.set(`${at.host} ${at.port}`, place);
      covered += range[1] - range[0] + 1;
    }
    if (covered !== SLOTS)
      throw new StoreUnavailable("down", `the Cluster covers ${covered} of ${SLOTS} slots`);
    this.#known = [...masters.values()].map(({ at }) => at).slice(0, KNOWN_MAX);
    return [...masters.values()];
  }

  async #ask(node: HostPort, options: LinkOptions, question: readonly [string, ...string[]]) {
    const link = await Link.open(node, options, this.#timeoutMs);
    try {
      const [reply] = await link.send([question], this.#timeoutMs);
      return reply ?? null;
    } finally {
      link.end("asked and answered");
    }
  }
}
