// The small set of items that a soak writes and reads: hot ones, and cold ones that nothing repairs.

import type { KeyHistory } from "./audit-history.ts";
import type { Auditor } from "./auditor.ts";

/** One item of the soak. */
export interface AuditKey {
  readonly name: string;
  readonly pk: string;
  readonly sk: number;
  readonly history: KeyHistory;
  /**
   * Written rarely: an invalidation that was lost would be repaired by the next write, so it has to be long in coming.
   */
  readonly isCold: boolean;
  /** Written by one call at a time, so that calls without conditions may write it. */
  readonly isSolo: boolean;
  /** Not to be written before this moment, or (Infinity) while a solo or creating call is under way. */
  nextWriteAtMs: number;
  /** Somebody is creating it: the order of two creations could not be told. */
  isBeingCreated: boolean;
  generation: number;
}

const shape = [
  { prefix: "hot", partitions: 3, isCold: false, isSolo: false },
  { prefix: "cold", partitions: 6, isCold: true, isSolo: false },
  { prefix: "solo", partitions: 1, isCold: false, isSolo: true },
  { prefix: "solo-cold", partitions: 2, isCold: true, isSolo: true },
];
const itemsOfPartition = 4;

export function auditKeys(auditor: Auditor): AuditKey[] {
  return shape.flatMap(({ prefix, partitions, ...rest }) =>
    Array.from({ length: partitions * itemsOfPartition }, (_, at) => {
      const pk = `${prefix}-${Math.floor(at / itemsOfPartition)}`;
      const sk = at % itemsOfPartition;
      const name = `${pk}/${sk}`;
      const own = { isBeingCreated: false, generation: 0, nextWriteAtMs: 0 };
      return { name, pk, sk, history: auditor.history(name), ...rest, ...own };
    }),
  );
}

/** Values of the index' partition key: hot and cold items keep apart, so that cold index partitions stay cold too. */
export function kindsOf({ isCold }: Pick<AuditKey, "isCold">): readonly string[] {
  const kinds = ["0", "1", "2"];
  return kinds.map((kind) => (isCold ? `cold-kind-${kind}` : `hot-kind-${kind}`));
}

export const allKinds: readonly string[] = [...kindsOf({ isCold: false }), ...kindsOf({ isCold: true })];

export const Key = ({ pk, sk }: AuditKey) => ({ pk: { S: pk }, sk: { N: String(sk) } });

/** The item at a version. Everything that may differ between two versions is in its text (textOf). */
export function itemOf(key: AuditKey, version: number, kind: string, by: string): Record<string, unknown> {
  return {
    ...Key(key),
    v: { N: String(version) },
    kind: { S: kind },
    by: { S: by },
    score: { N: String(key.sk) },
  };
}

/** What a read or a reply says an item to be. Undefined = there is none. */
export function textOf(item: unknown): string | undefined {
  if (item === undefined) return undefined;
  const { v, kind, by } = Object(item);
  return `v=${v?.N} kind=${kind?.S} by=${by?.S}`;
}

export const nameOf = (item: unknown): string => `${Object(item).pk?.S}/${Object(item).sk?.N}`;

export const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;
