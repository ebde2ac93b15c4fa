// How often a run of 20,000 operations must at least have met each thing: about a fifth of what it meets, so that the
// generator cannot quietly stop making something.

/** Names as Coverage counts them. */
export const minimums: Readonly<Record<string, number>> = {};
