// A worker thread that misbehaves as its boot data says (`upstreamUrl` names the way), for worker-pool.test.ts.

import { parentPort, workerData } from "node:worker_threads";
import { createMetrics } from "../../../src/metrics/registry.ts";
import { type FromWorker, failureOf, type ToWorker, type WorkerBoot } from "../../../src/workers/messages.ts";

const boot: WorkerBoot = workerData;
const post = (message: FromWorker) => parentPort?.postMessage(message);
const metrics = createMetrics({ tablesMax: 3, version: "" });
metrics.lookup("item", "t", "hit", 1);

/** On being asked for its figures. */
const ways: Readonly<Record<string, (id: number) => void>> = {
  throws: () => {
    throw new Error("a bug in the worker");
  },
  rejects: () => void Promise.reject(new Error("a bug in the worker")),
  exits: () => process.exit(3),
  "says nothing": () => {},
  hangs: () => {
    for (;;);
  },
  answers: (id) => post({ kind: "figures", id, figures: metrics.threadFigures() }),
};

if (boot.upstreamUrl === "cannot listen") {
  const facts = { code: "EADDRINUSE", syscall: "listen", port: 1 };
  post({ kind: "failed", failure: failureOf(Object.assign(new Error("listen EADDRINUSE"), facts)) });
  process.exit(1);
}
if (boot.upstreamUrl === "cannot be loaded") throw new Error("no such module");
parentPort?.on("message", (message: ToWorker) => {
  if (message.kind === "figures") ways[boot.upstreamUrl]?.(message.id);
  if (message.kind === "stop" && boot.upstreamUrl === "answers") process.exit(0);
});
post({ kind: "listening", url: "http://127.0.0.1:1", port: 1 });
