// Where the auditor's readers and writers send their calls, and what they tell of calls that went wrong.

export interface Target {
  readonly url: string;
  /** Names the process that answers there; "" where there is only one. */
  readonly node: string;
}

/** A call without a reply, or with one that is neither success nor a refusal that was to be expected. */
export interface CallFailure {
  readonly target: Target;
  readonly operation: string;
  readonly startedAtMs: number;
  /** The reply as text; undefined = there was none. */
  readonly reply: string | undefined;
}

export interface Targets {
  /** Asked before each call; waits until there is somebody to ask. */
  next(): Target | Promise<Target>;
  failed?(failure: CallFailure): void;
}

/** One process, always at the same place. */
export function onlyTarget(url: string): Targets {
  const target = { url, node: "" };
  return { next: () => target };
}
