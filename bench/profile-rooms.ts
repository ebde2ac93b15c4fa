/** V8's CPU profile as shares of rooms: what a thread's time goes to, by who has written the code. Pure. */

/** What node:inspector's Profiler.stop gives, of it what is read here. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples?: readonly number[] | undefined;
}

export interface CallFrame {
  readonly functionName: string;
  /** Empty for what is native. */
  readonly url: string;
}

/** A profile, and what the system says that its thread did meanwhile. */
export interface ThreadProfile {
  readonly profile: CpuProfile;
  readonly ranSeconds: number;
  readonly sleptSeconds: number;
}

export interface Share {
  readonly name: string;
  /** Of the time in which the threads ran, 0 to 1. */
  readonly share: number;
}

export interface Shares {
  /** The costliest first; they make 1 together. */
  readonly rooms: readonly Share[];
  readonly functions: readonly Share[];
}

/**
 * V8 says "(idle)" of the whole time in which the event loop looks for events and no JavaScript runs. What of it was not slept is
 * the kernel's and libuv's.
 */
const polling = "looking for events and reading sockets, native";
const idle = "(idle)";

type Rule = readonly [isOne: (frame: CallFrame) => boolean, name: string | ((frame: CallFrame) => string)];

const named = (pattern: RegExp) => (frame: CallFrame) => frame.url === "" && pattern.test(frame.functionName);
const inFile = (pattern: RegExp) => (frame: CallFrame) => pattern.test(frame.url);

/** The first that fits counts. */
const rules: readonly Rule[] = [
  [named(/^\(idle\)$/), polling],
  [named(/^\(garbage collector\)$/), "garbage collector, on this thread"],
  [named(/^\((program|root)\)$/), "native code outside of JavaScript"],
  [named(/^(writev|write\w*(String|Buffer))$/), "writing to sockets, native"],
  [named(/digest|hash|hmac/i), "hashes and signatures"],
  [inFile(/^node:internal\/crypto/), "hashes and signatures"],
  [named(/^(parse|stringify)$/), "JSON, native"],
  [named(/(slice|write|encode|decode|utf8|latin1|tostring)/i), "texts and bytes, native"],
  [({ url }) => url === "", "native functions of V8 and Node.js"],
  [inFile(/^node:(internal\/)?(streams?\b|stream_base)/), "Node.js: streams"],
  [inFile(/^node:(net|tls|internal\/net)/), "Node.js: net"],
  [inFile(/^node:(_http|http|internal\/http)/), "Node.js: http"],
  [inFile(/^node:(timers|internal\/timers|internal\/linkedlist|internal\/priority)/), "Node.js: timers"],
  [inFile(/^node:internal\/(process\/(task|promises)|async_hooks|async_)/), "Node.js: ticks and promises"],
  [inFile(/^node:(internal\/)?(events?\b|event_target|abort)/), "Node.js: events and signals"],
  [inFile(/^node:(internal\/)?(buffer|util|string_decoder|url)/), "Node.js: buffers, util, url"],
  [inFile(/^node:/), "Node.js: others"],
  [inFile(/\/node_modules\//), ({ url }) => packageOf(url)],
  [inFile(/^wasm:/), "llhttp as WebAssembly (undici)"],
  [inFile(/\/bench\//), "the benchmark's own code"],
];

/** The innermost package that a file belongs to. */
function packageOf(url: string): string {
  const [, name = url] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  return name;
}

function roomOf(frame: CallFrame): string {
  const [, name = placeOf(frame.url)] = rules.find(([isOne]) => isOne(frame)) ?? [];
  return typeof name === "string" ? name : name(frame);
}

/** Our files as they are called in the repository, others by their last two names. */
function placeOf(url: string): string {
  if (url.startsWith("node:")) return url;
  const file = url.replace(/\?.*/, "");
  const own = /\/(src\/.*)$/.exec(file)?.[1];
  if (file.includes("/node_modules/")) return `${packageOf(file)}/…/${file.split("/").at(-1)}`;
  return own ?? file.split("/").slice(-2).join("/");
}

function functionOf(frame: CallFrame): string {
  const name = frame.functionName || "(anonymous)";
  return frame.url === "" ? name : `${name} ${placeOf(frame.url)}`;
}

/**
 * In how many samples each frame was the innermost. Not for how long: a thread that waits for its core is looked at once, when it
 * has it again, and that long time would be charged to whatever it did then.
 */
function samplesByFrame({ nodes, samples = [] }: CpuProfile): Map<CallFrame, number> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const counts = new Map<CallFrame, number>();
  for (const id of samples) {
    const frame = frames.get(id)!;
    counts.set(frame, (counts.get(frame) ?? 0) + 1);
  }
  return counts;
}

/**
 * @param threads that did the same work
 * @param topFunctions so many functions are named
 */
export function sharesOf(threads: readonly ThreadProfile[], topFunctions = 12): Shares {
  const rooms = new Map<string, number>();
  const functions = new Map<string, number>();
  const add = (sums: Map<string, number>, name: string, seconds: number) =>
    sums.set(name, (sums.get(name) ?? 0) + seconds);
  for (const { profile, ranSeconds, sleptSeconds } of threads) {
    const secondsEach = (ranSeconds + sleptSeconds) / (profile.samples?.length ?? 1);
    let asleepSeconds = sleptSeconds;
    for (const [frame, count] of samplesByFrame(profile)) {
      const isIdle = frame.url === "" && frame.functionName === idle;
      const slept = isIdle ? Math.min(asleepSeconds, count * secondsEach) : 0;
      asleepSeconds -= slept;
      add(rooms, roomOf(frame), count * secondsEach - slept);
      if (!isIdle) add(functions, functionOf(frame), count * secondsEach);
    }
  }
  const total = [...rooms.values()].reduce((sum, seconds) => sum + seconds, 0);
  return { rooms: sorted(rooms, total), functions: sorted(functions, total).slice(0, topFunctions) };
}

/** @param sums by name @param total of which they are shares */
export function sorted(sums: ReadonlyMap<string, number>, total: number): Share[] {
  return [...sums]
    .map(([name, value]) => ({ name, share: total > 0 ? value / total : 0 }))
    .filter(({ share }) => share > 0)
    .sort((one, other) => other.share - one.share);
}

const groups = [
  [/^(writing|looking)/, "sockets and events (mostly the kernel)"],
  [/^src\//, "dynatier's own code"],
  [/native|^Node\.js|^garbage|^hashes/, "V8 and Node.js"],
  [/^the benchmark/, "the bare server's own code"],
  [/^/, "libraries"],
] as const;

/** The same in four: what the kernel, the runtime, libraries and our own files have. */
export function groupsOf(rooms: readonly Share[]): Share[] {
  const sums = new Map<string, number>();
  for (const { name, share } of rooms) {
    const [, group = name] = groups.find(([pattern]) => pattern.test(name)) ?? [];
    sums.set(group, (sums.get(group) ?? 0) + share);
  }
  return sorted(sums, 1);
}

const others = (count: number): string => `${count} others below`;

/** What is smaller than this share, as one. */
export function withoutCrumbs(shares: readonly Share[], least: number): Share[] {
  const kept = shares.filter(({ share }) => share >= least);
  const crumbs = shares.slice(kept.length);
  if (crumbs.length === 0) return kept;
  const share = crumbs.reduce((sum, crumb) => sum + crumb.share, 0);
  return [...kept, { name: `${others(crumbs.length)} ${least * 100} %`, share }];
}
