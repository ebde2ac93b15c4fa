/** What one server of the model of Redis keeps, and what the scripts of src/redis/scripts.ts do to it. */

import type { ChangedTag, LogMessage, TagState } from "../../src/redis/shared-store.ts";

export interface ModelTag {
  token: string;
  changedAtMs: number;
  readonly bornAtMs: number;
  readonly marks: Map<string, number>;
}

interface Held {
  readonly holder: string;
  readonly untilMs: number;
}

interface ModelEntry {
  readonly value: Uint8Array;
  readonly untilMs: number;
}

interface Checkpoint {
  readonly fields: ReadonlyMap<string, string>;
  readonly untilMs: number;
}

export interface Ids {
  readonly run: string;
  readonly replication: string;
}

/** The log: dense numbers, of which the oldest may be trimmed. */
interface ModelLog {
  last: number;
  readonly messages: LogMessage[];
}

/** One tag's part of a change, with everything that the script is given. */
export interface TagOrder {
  readonly tag: string;
  /** No later than this is surely past, by the caller's estimate: marks that ended before are changes. */
  readonly nowMs: number;
  readonly token: string;
  readonly changedAtMs: number;
  readonly writer: string;
  readonly pendingUntilMs: number;
  readonly bornAtMs: number;
  readonly confirm: { readonly entry: string; readonly imageHash: string } | undefined;
}

export const tokenLength = 16;
const hashLength = 22;
const headLength = 1 + tokenLength + hashLength;

export class ModelState {
  readonly tags = new Map<string, ModelTag>();
  readonly entries = new Map<string, ModelEntry>();
  readonly leases = new Map<string, Held>();
  readonly checkpoints = new Map<string, Checkpoint>();
  log: ModelLog | undefined;
  ids: Ids | undefined;

  copy(): ModelState {
    const copy = new ModelState();
    for (const [name, tag] of this.tags) copy.tags.set(name, { ...tag, marks: new Map(tag.marks) });
    for (const [name, entry] of this.entries) copy.entries.set(name, entry);
    for (const [name, lease] of this.leases) copy.leases.set(name, lease);
    for (const [name, checkpoint] of this.checkpoints) copy.checkpoints.set(name, checkpoint);
    copy.log = this.log && { last: this.log.last, messages: [...this.log.messages] };
    copy.ids = this.ids;
    return copy;
  }

  /** The tag as it stands for somebody for whom `nowMs` is surely past. */
  read(tag: string, nowMs: number): TagState | undefined {
    const found = this.tags.get(tag);
    if (found === undefined) return undefined;
    const ended = [...found.marks.values()].filter((untilMs) => untilMs <= nowMs);
    return {
      token: found.token,
      changedAtMs: Math.max(found.changedAtMs, ...ended),
      bornAtMs: found.bornAtMs,
      marks: new Map([...found.marks].filter(([, untilMs]) => untilMs > nowMs)),
    };
  }

  ensure(tag: string, token: string, bornAtMs: number): void {
    if (!this.tags.has(tag)) this.tags.set(tag, bornAt(bornAtMs, token));
  }

  change(order: TagOrder): { readonly changed: ChangedTag; readonly confirmed: boolean } {
    const { tag: name, nowMs, token, changedAtMs, writer, pendingUntilMs, bornAtMs, confirm } = order;
    const found = this.tags.get(name);
    const before = found?.token;
    const tag = found ?? bornAt(bornAtMs, token);
    this.#endMarks(tag, nowMs);
    const confirmed = confirm !== undefined && before !== undefined && this.#confirm(confirm, before, token);
    tag.token = token;
    tag.changedAtMs = Math.max(tag.changedAtMs, changedAtMs);
    const markedByOthers = [...tag.marks.keys()].some((other) => other !== writer);
    if (pendingUntilMs > 0) tag.marks.set(writer, pendingUntilMs);
    else tag.marks.delete(writer);
    this.tags.set(name, tag);
    return { changed: { token, before, bornAtMs: tag.bornAtMs, markedByOthers }, confirmed };
  }

  /** Removes the writer's mark; one that has ended stays a change. */
  unmark(name: string, nowMs: number, writer: string): void {
    const tag = this.tags.get(name);
    if (tag === undefined) return;
    this.#endMarks(tag, nowMs);
    tag.marks.delete(writer);
  }

  put(entry: string, value: Uint8Array, untilMs: number): void {
    this.entries.set(entry, { value, untilMs });
  }

  entry(name: string, serverMs: number): Uint8Array | undefined {
    const found = this.entries.get(name);
    return found !== undefined && found.untilMs > serverMs ? found.value : undefined;
  }

  /** @param firstAfter what numbers go on from if the log is gone */
  append(body: Uint8Array, firstAfter: number, messagesMax: number): number {
    const log = this.log ?? { last: firstAfter, messages: [] };
    log.last += 1;
    log.messages.push({ sequence: log.last, body });
    this.log = log;
    this.trim(messagesMax);
    return log.last;
  }

  trim(keep: number): void {
    const over = (this.log?.messages.length ?? 0) - keep;
    if (over > 0) this.log?.messages.splice(0, over);
  }

  lease(name: string, holder: string, serverMs: number, forMs: number): boolean {
    const held = this.leases.get(name);
    if (held !== undefined && held.untilMs > serverMs && held.holder !== holder) return false;
    this.leases.set(name, { holder, untilMs: serverMs + forMs });
    return true;
  }

  release(name: string, holder: string): void {
    if (this.leases.get(name)?.holder === holder) this.leases.delete(name);
  }

  saveCheckpoint(name: string, fields: ReadonlyMap<string, string>, serverMs: number, keepMs: number): void {
    const all = new Map([...this.checkpoint(name, serverMs), ...fields]);
    for (const [field, value] of fields) if (value === "") all.delete(field);
    this.checkpoints.set(name, { fields: all, untilMs: serverMs + keepMs });
  }

  checkpoint(name: string, serverMs: number): ReadonlyMap<string, string> {
    const found = this.checkpoints.get(name);
    return found !== undefined && found.untilMs > serverMs ? found.fields : new Map();
  }

  clear(): void {
    for (const map of [this.tags, this.entries, this.leases, this.checkpoints]) map.clear();
    this.log = undefined;
    this.ids = undefined;
  }

  #endMarks(tag: ModelTag, nowMs: number): void {
    for (const [writer, untilMs] of tag.marks) {
      if (untilMs > nowMs) continue;
      tag.changedAtMs = Math.max(tag.changedAtMs, untilMs);
      tag.marks.delete(writer);
    }
  }

  /** The value is replaced by a new one: others hold the old bytes in their hands. */
  #confirm(wish: { entry: string; imageHash: string }, before: string, token: string): boolean {
    const found = this.entries.get(wish.entry);
    if (found === undefined || found.value.byteLength < headLength || found.value[0] !== 1) return false;
    const value = Buffer.from(found.value);
    if (value.toString("latin1", 1, headLength) !== before + wish.imageHash) return false;
    value.write(token, 1, "latin1");
    this.entries.set(wish.entry, { value, untilMs: found.untilMs });
    return true;
  }
}

/** A tag that is created, and counts as changed then. */
function bornAt(bornAtMs: number, token: string): ModelTag {
  return { token, changedAtMs: bornAtMs, bornAtMs, marks: new Map() };
}
