/** Faulty views of what nodes share: each leaves out one part of how the second tier and the peers keep the rule. */

import { tokensOf } from "../../src/cache/redis-entry.ts";
import type {
  Changed,
  EntryName,
  LogMessage,
  Look,
  ReferenceClock,
  SharedStore,
  TagChange,
  TagState,
} from "../../src/redis/shared-store.ts";
import { StoreAround } from "./fleet-store-around.ts";

const tokenBytes = 16;
const furtherAt = 65;

/** The entry with other tokens. */
function withTokens(value: Uint8Array, tokens: readonly string[]): Uint8Array {
  const bytes = Buffer.from(value);
  for (const [at, token] of tokens.entries()) {
    bytes.write(token, at === 0 ? 1 : furtherAt + (at - 1) * tokenBytes, tokenBytes, "latin1");
  }
  return bytes;
}

/** An entry passes as valid whatever has become of those of its tags that `ignores` names. */
export class TokensIgnored extends StoreAround {
  readonly #ignores: (tag: string) => boolean;

  constructor(real: SharedStore, ignores: (tag: string) => boolean) {
    super(real);
    this.#ignores = ignores;
  }

  override async look(name: EntryName, tags: readonly string[]): Promise<Look> {
    const { entry, tags: states } = await super.look(name, tags);
    const tokens = (entry && tokensOf(entry)) ?? [];
    const seen = states.map((state, at) => {
      const token = tokens[at];
      return state !== undefined && token !== undefined && this.#ignores(tags[at] ?? "")
        ? { ...state, token }
        : state;
    });
    return { entry, tags: seen };
  }
}

/** An entry is stored under the tokens that stand when it is stored. */
export class FillUnderNewTokens extends StoreAround {
  readonly #tags = new Map<string, readonly string[]>();

  override look(name: EntryName, tags: readonly string[]): Promise<Look> {
    this.#tags.set(name.key, tags);
    return super.look(name, tags);
  }

  override async put(name: EntryName, value: Uint8Array, expireMs: number): Promise<void> {
    const tags = this.#tags.get(name.key);
    if (tags === undefined) return super.put(name, value, expireMs);
    const states = await super.ensure(tags, 0);
    const tokens = states.map(({ token }) => token);
    return super.put(name, withTokens(value, tokens), expireMs);
  }
}

const unborn = "unborn----------";

/** Absent tags are created when the answer is stored, and not before it is read. */
export class EnsureLate extends StoreAround {
  readonly #tags = new Map<string, readonly string[]>();

  override look(name: EntryName, tags: readonly string[]): Promise<Look> {
    this.#tags.set(name.key, tags);
    return super.look(name, tags);
  }

  override async ensure(tags: readonly string[]): Promise<readonly TagState[]> {
    return tags.map(() => ({ token: unborn, changedAtMs: 0, bornAtMs: 0, marks: new Map() }));
  }

  override async put(name: EntryName, value: Uint8Array, expireMs: number): Promise<void> {
    const tokens = tokensOf(value) ?? [];
    const tags = this.#tags.get(name.key);
    if (tags === undefined || !tokens.includes(unborn)) return super.put(name, value, expireMs);
    const states = await super.ensure(tags, 0);
    const born = tokens.map((token, at) => (token === unborn ? (states[at]?.token ?? token) : token));
    return super.put(name, withTokens(value, born), expireMs);
  }
}

/** Tags as `how` tells them. */
export class StatesTold extends StoreAround {
  readonly #how: (state: TagState) => TagState;

  constructor(real: SharedStore, how: (state: TagState) => TagState) {
    super(real);
    this.#how = how;
  }

  override async look(name: EntryName, tags: readonly string[]): Promise<Look> {
    const { entry, tags: states } = await super.look(name, tags);
    return { entry, tags: states.map((state) => state && this.#how(state)) };
  }

  override async ensure(tags: readonly string[], bornAtMs: number): Promise<readonly TagState[]> {
    return (await super.ensure(tags, bornAtMs)).map(this.#how);
  }
}

/** A change does not say when its tags were created. */
export class BirthsUntold extends StoreAround {
  override async change(change: TagChange): Promise<Changed> {
    const { tags, confirmed } = await super.change(change);
    return { tags: tags.map((tag) => ({ ...tag, bornAtMs: 0 })), confirmed };
  }
}

/** The process' own clock is taken for everybody's. */
export class OwnClock extends StoreAround {
  override get clock(): ReferenceClock {
    return { earliestMs: (localMs) => localMs, latestMs: (localMs) => localMs };
  }
}

/** Nothing is ever removed that nobody told it to remove. */
export class NeverEvicts extends StoreAround {
  override get mayEvict(): boolean {
    return false;
  }
}

/**
 * The log with numbers that never show a hole: what is missing is not missed. `skips`: after the log could not be read,
 * reading goes on at its end.
 */
export class DenseLog extends StoreAround {
  readonly #skips: boolean;
  /** The real number for the number that was told last. */
  #told = 0;
  #real: number | undefined;

  constructor(real: SharedStore, skips: boolean) {
    super(real);
    this.#skips = skips;
  }

  override async readLog(after: number, countMax: number, waitMs: number): Promise<readonly LogMessage[]> {
    if (this.#real === undefined || after !== this.#told) [this.#told, this.#real] = [after, after];
    const from = this.#real;
    try {
      const messages = await super.readLog(from, countMax, waitMs);
      return messages.map((message) => {
        this.#real = message.sequence;
        this.#told += 1;
        return { ...message, sequence: this.#told };
      });
    } catch (error) {
      if (this.#skips) this.#skipLater();
      throw error;
    }
  }

  override async logTail(): Promise<number> {
    const tail = await super.logTail();
    // Where the log is shorter than what was read of it, reading goes on from its end.
    if (this.#real !== undefined && tail < this.#real) this.#real = tail;
    return this.#real === undefined ? tail : this.#told + (tail - this.#real);
  }

  #skipLater(): void {
    const retry = (): void => {
      super.logTail().then(
        (tail) => {
          this.#real = tail;
        },
        () => {},
      );
    };
    retry();
    setTimeout(retry, 10);
    setTimeout(retry, 25);
  }
}
