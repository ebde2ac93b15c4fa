/** What the simulation looks for: a promise of docs/CONSISTENCY.md that was not kept. */

export class Violation extends Error {}
