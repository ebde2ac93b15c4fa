/** Who leaves first when a cache bounded by bytes is full: the policies that bench/eviction.ts compares. */

import { LRUCache } from "lru-cache";

/** A cache of keys and sizes. What is asked for and missing is stored at once. */
export interface Policy {
  /** @returns whether it was there */
  read(key: number, bytes: number): boolean;
  /** It has changed, and is no longer valid. */
  drop(key: number): void;
}

export type PolicyName = "LRU" | "CLOCK" | "SIEVE" | "S3-FIFO" | "W-TinyLFU";

export const policies: Readonly<Record<PolicyName, (bytesMax: number) => Policy>> = {
  LRU: (bytesMax) => new Lru(bytesMax),
  CLOCK: (bytesMax) => new Clock(bytesMax),
  SIEVE: (bytesMax) => new Sieve(bytesMax),
  "S3-FIFO": (bytesMax) => new S3Fifo(bytesMax),
  "W-TinyLFU": (bytesMax) => new TinyLfu(bytesMax),
};

class Lru implements Policy {
  readonly #entries: LRUCache<number, number>;

  constructor(maxSize: number) {
    this.#entries = new LRUCache({ maxSize, sizeCalculation: (bytes) => bytes });
  }

  read(key: number, bytes: number): boolean {
    if (this.#entries.get(key) !== undefined) return true;
    this.#entries.set(key, bytes);
    return false;
  }

  drop(key: number): void {
    this.#entries.delete(key);
  }
}

interface Node {
  readonly key: number;
  readonly bytes: number;
  uses: number;
  older: Node | undefined;
  newer: Node | undefined;
  queue: Queue | undefined;
}

const loose = { older: undefined, newer: undefined, queue: undefined };
const nodeOf = (key: number, bytes: number): Node => ({ key, bytes, uses: 0, ...loose });

/** Oldest to newest, with its bytes. */
class Queue {
  bytes = 0;
  oldest: Node | undefined;
  newest: Node | undefined;

  push(node: Node): void {
    node.older = this.newest;
    node.newer = undefined;
    if (this.newest === undefined) this.oldest = node;
    else this.newest.newer = node;
    this.newest = node;
    node.queue = this;
    this.bytes += node.bytes;
  }

  remove(node: Node): void {
    if (node.older === undefined) this.oldest = node.newer;
    else node.older.newer = node.newer;
    if (node.newer === undefined) this.newest = node.older;
    else node.newer.older = node.older;
    node.queue = undefined;
    this.bytes -= node.bytes;
  }
}

/** One queue, in the order of arrival. */
abstract class Fifo implements Policy {
  protected readonly nodes = new Map<number, Node>();
  protected readonly queue = new Queue();
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  read(key: number, bytes: number): boolean {
    const known = this.nodes.get(key);
    if (known !== undefined) {
      known.uses = 1;
      return true;
    }
    if (bytes > this.#bytesMax) return false;
    while (this.queue.bytes + bytes > this.#bytesMax) this.evict();
    const node = nodeOf(key, bytes);
    this.nodes.set(key, node);
    this.queue.push(node);
    return false;
  }

  drop(key: number): void {
    const node = this.nodes.get(key);
    if (node !== undefined) this.remove(node);
  }

  protected remove(node: Node): void {
    this.queue.remove(node);
    this.nodes.delete(node.key);
  }

  protected abstract evict(): void;
}

/** Who was asked for since it came in comes in again instead of leaving. */
class Clock extends Fifo {
  protected evict(): void {
    const node = this.queue.oldest!;
    if (node.uses === 0) {
      this.remove(node);
      return;
    }
    node.uses = 0;
    this.queue.remove(node);
    this.queue.push(node);
  }
}

/** Zhang et al., NSDI 2024: who is spared stays in its place, and a hand goes from the oldest to the newest. */
class Sieve extends Fifo {
  #hand: Node | undefined;

  protected override remove(node: Node): void {
    if (this.#hand === node) this.#hand = node.newer;
    super.remove(node);
  }

  protected evict(): void {
    let node = this.#hand ?? this.queue.oldest!;
    while (node.uses > 0) {
      node.uses = 0;
      node = node.newer ?? this.queue.oldest!;
    }
    this.#hand = node;
    this.remove(node);
  }
}

/** Yang et al., SOSP 2023: a small queue for the new, a main one for what was asked for again, and a memory of who left. */
class S3Fifo implements Policy {
  readonly #bytesMax: number;
  readonly #nodes = new Map<number, Node>();
  readonly #small = new Queue();
  readonly #main = new Queue();
  readonly #ghosts = new Map<number, number>();
  #ghostBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  read(key: number, bytes: number): boolean {
    const known = this.#nodes.get(key);
    if (known !== undefined) {
      known.uses = Math.min(3, known.uses + 1);
      return true;
    }
    if (bytes > this.#bytesMax) return false;
    while (this.#small.bytes + this.#main.bytes + bytes > this.#bytesMax) this.#evict();
    const node = nodeOf(key, bytes);
    this.#nodes.set(key, node);
    (this.#forget(key) ? this.#main : this.#small).push(node);
    return false;
  }

  drop(key: number): void {
    this.#nodes.get(key)?.queue?.remove(this.#nodes.get(key)!);
    this.#nodes.delete(key);
  }

  #evict(): void {
    const isSmallsTurn = this.#small.bytes >= this.#bytesMax / 10 || this.#main.oldest === undefined;
    if (isSmallsTurn && this.#small.oldest !== undefined) this.#evictSmall(this.#small.oldest);
    else this.#evictMain();
  }

  #evictSmall(node: Node): void {
    this.#small.remove(node);
    if (node.uses > 1) {
      node.uses = 0;
      this.#main.push(node);
      return;
    }
    this.#nodes.delete(node.key);
    this.#ghosts.set(node.key, node.bytes);
    this.#ghostBytes += node.bytes;
    for (const [key] of this.#ghosts) {
      if (this.#ghostBytes <= 0.9 * this.#bytesMax) break;
      this.#forget(key);
    }
  }

  #evictMain(): void {
    const node = this.#main.oldest!;
    this.#main.remove(node);
    if (node.uses === 0) this.#nodes.delete(node.key);
    else {
      node.uses -= 1;
      this.#main.push(node);
    }
  }

  #forget(key: number): boolean {
    this.#ghostBytes -= this.#ghosts.get(key) ?? 0;
    return this.#ghosts.delete(key);
  }
}

const factors = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];

/** Einziger et al., 2017: a window of 1 % before a segmented LRU, admitted to by a sketch of how often each was asked for. */
class TinyLfu implements Policy {
  readonly #bytesMax: number;
  readonly #nodes = new Map<number, Node>();
  readonly #window = new Queue();
  readonly #probation = new Queue();
  readonly #protected = new Queue();
  readonly #counts = new Uint8Array(2 ** 18);
  #reads = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  read(key: number, bytes: number): boolean {
    this.#count(key);
    const known = this.#nodes.get(key);
    if (known !== undefined) {
      this.#use(known);
      return true;
    }
    if (bytes > 0.99 * this.#bytesMax) return false;
    const node = nodeOf(key, bytes);
    this.#nodes.set(key, node);
    this.#window.push(node);
    while (this.#window.bytes > this.#bytesMax / 100) this.#admit(this.#window.oldest!);
    return false;
  }

  drop(key: number): void {
    this.#nodes.get(key)?.queue?.remove(this.#nodes.get(key)!);
    this.#nodes.delete(key);
  }

  #use(node: Node): void {
    const queue = node.queue === this.#window ? this.#window : this.#protected;
    node.queue?.remove(node);
    queue.push(node);
    while (this.#protected.bytes > 0.8 * 0.99 * this.#bytesMax) {
      const oldest = this.#protected.oldest!;
      this.#protected.remove(oldest);
      this.#probation.push(oldest);
    }
  }

  /** Of the newcomer and those in whose place it would stand, the less asked for leave. */
  #admit(node: Node): void {
    this.#window.remove(node);
    while (this.#probation.bytes + this.#protected.bytes + node.bytes > 0.99 * this.#bytesMax) {
      const victim = this.#probation.oldest ?? this.#protected.oldest!;
      if (this.#estimate(victim.key) >= this.#estimate(node.key)) {
        this.#nodes.delete(node.key);
        return;
      }
      this.drop(victim.key);
    }
    this.#probation.push(node);
  }

  #rows(key: number): number[] {
    return factors.map((factor, row) => (Math.imul(key + 1, factor) >>> 16) + row * 2 ** 16);
  }

  #count(key: number): void {
    const least = this.#estimate(key);
    for (const at of this.#rows(key))
      if (least < 15 && this.#counts[at] === least) this.#counts[at] = least + 1;
    this.#reads += 1;
    // What was popular long ago is halved again and again: after ten reads for each entry.
    if (this.#reads < 10 * this.#nodes.size) return;
    this.#reads = 0;
    for (let at = 0; at < this.#counts.length; at += 1) this.#counts[at]! >>>= 1;
  }

  #estimate(key: number): number {
    return Math.min(...this.#rows(key).map((at) => this.#counts[at]!));
  }
}
