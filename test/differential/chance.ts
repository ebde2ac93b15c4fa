// How often an optional part of a request is there.

import fc from "fast-check";

/** Present `share` times as often as absent; twice in three times unless said otherwise. */
export function often<T>(arbitrary: fc.Arbitrary<T>, share = 2): fc.Arbitrary<T | undefined> {
  // fc.option's freq: 1 would never be present.
  return fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: share, arbitrary });
}

/** Present about once in `share` times. */
export function rarely<T>(arbitrary: fc.Arbitrary<T>, share: number): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: share - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

/** An object without its undefined members. */
export function defined(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
