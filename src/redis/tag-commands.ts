/** What is said to Redis about one tag, and what its answers mean. */

import { randomBytes } from "node:crypto";
import type { Key, Keys } from "./keys.ts";
import { integerOf, listOf, pairsOf, type Reply } from "./replies.ts";
import { CHANGE, ENSURE, UNMARK } from "./scripts.ts";
import type { Routed } from "./session.ts";
import type { ChangedTag, TagChange, TagState } from "./shared-store.ts";
import { folded, marksOf, tokenOf } from "./tag-state.ts";

export interface TagCommandsOptions {
  readonly keys: Keys;
  /** How long a tag that nobody changes is kept. */
  readonly tagKeepMs: number;
  /** Tags that are kept for ever. */
  readonly isEpoch: (tag: string) => boolean;
}

const TOKEN_BYTES = 12;
/** As many tables as a node is likely to serve; beyond it they are made anew. */
const EPOCH_READS_MAX = 1_000;
/** The length of an image hash in the head of an entry: 16 bytes in base64url. */
const IMAGE_HASH_LENGTH = 22;

type Alteration = Omit<TagChange, "tags" | "message">;

/** A tag after CHANGE. */
export interface Altered extends TagState {
  readonly before: string | undefined;
  readonly isConfirmed: boolean;
}

export class TagCommands {
  readonly #options: TagCommandsOptions;
  /** Every look-up reads the same few epochs. */
  readonly #epochReads = new Map<string, Routed>();

  constructor(options: TagCommandsOptions) {
    this.#options = options;
  }

  read(tag: string): Routed {
    return this.#options.isEpoch(tag) ? this.#readEpoch(tag) : readOf(this.#options.keys.tag(tag));
  }

  ensure(tag: string, bornAtMs: number): Routed {
    return this.#script(
      ENSURE.sha,
      [this.#options.keys.tag(tag)],
      [newToken(), late(bornAtMs), this.#keep(tag)],
    );
  }

  /** The command, and the token that the tag will have. */
  change(tag: string, alteration: Alteration, earliestNowMs: number): Routed & { readonly token: string } {
    const { keys } = this.#options;
    const { changedAtMs, writer, pendingUntilMs, bornAtMs, confirm } = alteration;
    const token = newToken();
    const pending = [writer, late(pendingUntilMs), this.#keep(tag), late(bornAtMs)];
    const argv = [early(earliestNowMs), token, late(changedAtMs), ...pending];
    // An entry of another tag stands in another slot, one without a hash shows nothing: both cannot be confirmed.
    if (confirm && confirm.name.tag === tag && confirm.imageHash.length === IMAGE_HASH_LENGTH) {
      const both = [keys.tag(tag), keys.entry(confirm.name)];
      return { token, ...this.#script(CHANGE.sha, both, [...argv, confirm.imageHash]) };
    }
    return { token, ...this.#script(CHANGE.sha, [keys.tag(tag)], argv) };
  }

  unmark(tag: string, writer: string, earliestNowMs: number): Routed {
    return this.#script(UNMARK.sha, [this.#options.keys.tag(tag)], [early(earliestNowMs), writer]);
  }

  #readEpoch(tag: string): Routed {
    const known = this.#epochReads.get(tag);
    if (known) return known;
    if (this.#epochReads.size >= EPOCH_READS_MAX) this.#epochReads.clear();
    const routed = readOf(this.#options.keys.tag(tag));
    this.#epochReads.set(tag, routed);
    return routed;
  }

  #keep(tag: string): string {
    return this.#options.isEpoch(tag) ? "0" : String(this.#options.tagKeepMs);
  }

  #script(sha: string, keys: readonly Key[], argv: readonly string[]): Routed {
    const names = keys.map(({ name }) => name);
    return { slot: keys[0]?.slot ?? 0, command: ["EVALSHA", sha, String(names.length), ...names, ...argv] };
  }
}

function readOf({ name, slot }: Key): Routed {
  return { slot, command: ["HGETALL", name] };
}

/** What CHANGE answered. */
export function alteredOf(token: string, reply: Reply | undefined): Altered {
  const [before, changedAtMs, confirmed, bornAtMs, ...marks] = listOf(reply);
  return {
    token,
    before: before === null ? undefined : tokenOf(before),
    isConfirmed: integerOf(confirmed) === 1,
    changedAtMs: integerOf(changedAtMs),
    bornAtMs: integerOf(bornAtMs),
    marks: marksOf(pairsOf(marks)),
  };
}

export function changedTag({ token, before, bornAtMs, marks }: Altered, writer: string): ChangedTag {
  return { token, before, bornAtMs, markedByOthers: [...marks.keys()].some((name) => name !== writer) };
}

export function stateOf({ token, changedAtMs, bornAtMs, marks }: Altered, earliestNowMs: number): TagState {
  return folded({ token, changedAtMs, bornAtMs, marks }, earliestNowMs);
}

function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

/** Whole milliseconds on the safe side: a change is rather later, the present rather earlier. */
function late(ms: number): string {
  return String(Math.ceil(ms));
}

function early(ms: number): string {
  return String(Math.floor(ms));
}
