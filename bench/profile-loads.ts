/** How a part's server comes up and its load is started: rows of the benchmark, and points of the scale curves. */

import type { ChildProcess } from "node:child_process";
import { fillTable } from "./data.ts";
import type { LoadResult } from "./load-job.ts";
import { checkRow, jobOf as jobOfRow, startLoad } from "./measure.ts";
import { stop, untilSaid } from "./processes.ts";
import type { Part, Phase } from "./profile-cases.ts";
import type { Row } from "./rows.ts";
import type { ScaleResult } from "./scale-job.ts";
import { jobOf as jobOfPoint } from "./scale-measure.ts";
import type { Point } from "./scale-points.ts";
import type { Interval } from "./scale-replay.ts";
import { Stage } from "./scale-stage.ts";
import { Servers } from "./servers.ts";

/** A load that is under way. */
export interface Running {
  readonly pid: number;
  readonly serverPids: readonly number[];
  /** Its warm-up is over. */
  readonly begun: Promise<unknown>;
  readonly result: Promise<LoadFigures>;
}

export interface LoadFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number | undefined;
  readonly slow: readonly Interval[];
  /** Of a client that has profiled itself. */
  readonly ownSeconds: LoadResult["ownSeconds"];
  readonly failures: number;
  /** What was wrong, as far as it is known. */
  readonly complaints: readonly string[];
}

export interface RunTimes {
  /** Without the warm-up. */
  readonly seconds: number;
  /** The first load of its server. */
  readonly isFirst: boolean;
  readonly isProfiled: boolean;
}

const partitions = 400;
const connections = 32;
const warmSeconds = 1;
/** Until then a proxy's code is not compiled to the end. */
const warmReplies = 100_000;
/** Before a part at half of the throughput, to know that. */
const closedSeconds = 1;

export class Loads {
  readonly #flags: readonly string[];
  readonly #servers: Servers;
  readonly #stage: Stage;
  #isFilled = false;

  /** @param flags Node's own, for servers and loads */
  constructor(flags: readonly string[]) {
    this.#flags = flags;
    this.#servers = new Servers(partitions, connections, flags);
    this.#stage = new Stage(flags);
  }

  start(part: Part, times: RunTimes): Promise<Running> {
    return part.kind === "row"
      ? this.#startRow(part.row, times)
      : this.#startPoint(part.point, part.phase, times);
  }

  async end(): Promise<void> {
    await this.#stage.end();
    await this.#servers.stop();
  }

  async #startRow(row: Row, { seconds, isFirst, isProfiled }: RunTimes): Promise<Running> {
    if (!this.#isFilled) await fillTable((await this.#servers.get("upstream")).url, partitions);
    this.#isFilled = true;
    const server = await this.#servers.get(row.server);
    const wrong = isFirst ? await checkRow(row, server, { partitions, connections }) : [];
    if (wrong.length > 0) throw new Error(wrong.join("\n"));
    const job = { ...jobOfRow(row, server, { partitions, connections }), seconds, warmSeconds, seed: 1 };
    const child = startLoad({ ...job, profile: isProfiled }, this.#flags);
    return running(child, server.pids, /^measuring\n/m, seconds, (text) => {
      const { replies, seconds: took, ...result }: LoadResult = JSON.parse(text);
      return {
        ...{ perSecond: replies / took, p999Ms: undefined, slow: [], ownSeconds: result.ownSeconds },
        ...{ p50Ms: result.p50Ms, p99Ms: result.p99Ms, failures: result.failures },
        complaints: result.complaints,
      };
    });
  }

  async #startPoint(point: Point, phase: Phase, { seconds, isFirst }: RunTimes): Promise<Running> {
    const proxy = await this.#stage.proxy(point.server);
    await this.#stage.changes(point.changes);
    const isRated = phase === "rated";
    const job = {
      ...{ ...jobOfPoint(point, proxy), seed: 1, firstFresh: 0, warmSeconds },
      warmReplies: isFirst ? warmReplies : 0,
      closedSeconds: isRated ? closedSeconds : seconds,
      rateSeconds: isRated ? seconds : 0,
    };
    const child = this.#stage.startLoad(job, this.#flags);
    const begun = isRated ? /^measuring rated\n/m : /^measuring closed\n/m;
    const started = running(child, proxy.pids, begun, seconds, (text) => {
      const { closed, rated = closed }: ScaleResult = JSON.parse(text);
      const { p50Ms, p99Ms, p999Ms, failures, slow } = rated;
      const perSecond = rated.replies / rated.seconds;
      return { perSecond, p50Ms, p99Ms, p999Ms, failures, slow, ownSeconds: undefined, complaints: [] };
    });
    return { ...started, result: started.result.finally(() => this.#stage.changes(0)) };
  }
}

function running(
  child: ChildProcess,
  serverPids: readonly number[],
  measuring: RegExp,
  seconds: number,
  figuresOf: (text: string) => LoadFigures,
): Running {
  const begun = untilSaid(child, measuring, seconds);
  const result = untilSaid(child, /^result (.*)\n/m, 2 * seconds).then(async ([, text = ""]) => {
    await stop(child);
    return figuresOf(text);
  });
  // Whoever waits for the first hears of it.
  result.catch(() => {});
  return { pid: child.pid ?? 0, serverPids, begun, result };
}
