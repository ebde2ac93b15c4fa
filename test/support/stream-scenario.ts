// What every scenario about streams begins with: a scripted server for each test, and one follower that is
// stopped afterwards.

import { afterEach, beforeEach } from "vitest";
import { followModel } from "./followed-stream.ts";
import { type ScriptedStreams, startScriptedStreams } from "./scripted-streams.ts";
import type { StreamModel } from "./stream-model.ts";

type Options = Parameters<typeof followModel>[2];
type Followed = ReturnType<typeof followModel>;

export interface StreamScenario {
  /** This test's server. */
  readonly server: ScriptedStreams;
  /** Follows the stream; starting is left to the test. */
  follow(model: StreamModel, options?: Options): Followed;
}

/** To be called once at the top of a test file. */
export function streamScenario(): StreamScenario {
  let server: ScriptedStreams | undefined;
  let followed: Followed[] = [];
  beforeEach(async () => {
    server = await startScriptedStreams();
  });
  afterEach(async () => {
    await Promise.all(followed.map((one) => one.close()));
    followed = [];
    await server?.close();
  });
  return {
    get server() {
      if (server === undefined) throw new Error("no test is running");
      return server;
    },
    follow(model, options) {
      const one = followModel(this.server, model, options);
      followed.push(one);
      return one;
    },
  };
}
