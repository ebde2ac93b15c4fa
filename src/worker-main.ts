/** Entry of a worker thread: one HTTP server and all that its requests need. The main thread starts, asks and drains it. */

import { parentPort, workerData } from "node:worker_threads";
import { VersionClock } from "./cache/coherence.ts";
import { packageVersion } from "./cli/version.ts";
import { CallerKeys } from "./compose-auth.ts";
import { freshnessOptions } from "./compose-streams.ts";
import { Freshness } from "./invalidation/freshness.ts";
import { createMetrics } from "./metrics/registry.ts";
import { createServer, createServing, servingGauges } from "./serving.ts";
import { TableVersions } from "./upstream/table-versions.ts";
import { systemClock as clock } from "./util/clock.ts";
import { createLogger } from "./util/log.ts";
import { MainLink } from "./workers/main-link.ts";
import { failureOf, type ToWorker, type WorkerBoot } from "./workers/messages.ts";

if (parentPort === null) throw new Error("worker-main runs in a worker thread only");
const boot: WorkerBoot = workerData;
const { worker, settings, upstreamUrl } = boot;
const link = new MainLink(parentPort, clock);
const log = createLogger(settings.logLevel, 2, { worker });
const metrics = createMetrics({ tablesMax: settings.metricsTablesMax, version: packageVersion() });
const versions = new VersionClock({ clock, slots: settings.slots, shared: boot.versions });
const freshness = new Freshness(freshnessOptions(settings, clock));
for (const [tableId, sign] of boot.signs) freshness.set(tableId, sign);

const { far } = boot;
const redis = far && (await import("./compose-redis.ts"));
const serving = createServing({
  ...{ settings, upstreamUrl, clock, versions, freshness, metrics, log },
  tableVersions: new TableVersions(boot.tableVersions),
  bytesMax: Math.max(1, Math.floor(settings.cacheBytesMax / settings.workers)),
  authority: {
    describe: link.describe,
    refresh: (reference) => link.post({ kind: "refresh", reference }),
  },
  createFar:
    far &&
    ((parts) =>
      redis?.createFar({
        ...{ ...parts, sender: far.sender, thread: worker },
        barrier: new redis.RedisBarrier(settings.workers + 1, worker, far.barrier),
      })),
});
serving.far?.start();
const callers = boot.keys && new CallerKeys(settings, log, boot.keys);
const server = createServer(settings, serving, callers, log);
metrics.gauges(servingGauges(serving, server, versions));

parentPort.on("message", (message: ToWorker) => {
  if (message.kind === "signs") {
    for (const [tableId, sign] of message.signs) freshness.set(tableId, sign);
    freshness.setBus(message.busCaughtUpAtMs);
  } else if (message.kind === "figures")
    link.post({ kind: "figures", id: message.id, figures: metrics.threadFigures() });
  else if (message.kind === "keys") callers?.replace(message.keys);
  else if (message.kind === "described") link.described(message.id, message.description);
  else void stop();
});

try {
  const url = await server.start(settings.host, boot.port, true);
  // A port that is a scheme's own stands in no URL; one that the system chose does.
  link.post({ kind: "listening", url, port: boot.port === 0 ? Number(new URL(url).port) : boot.port });
} catch (error) {
  link.post({ kind: "failed", failure: failureOf(error) });
  process.exit(1);
}

async function stop(): Promise<void> {
  await server.stop();
  await serving.close();
  process.exit(0);
}
