/** Start, wait for a signal, drain: what `serve` and `demo` share. */
import type { App } from "../app.ts";
import type { CommandContext, ExitCode } from "./command.ts";

/**
 * Beyond the drain time, before stopping is given up. Closing sockets and pools takes well under a second.
 */
const STOP_GRACE_MS = 2000;

/**
 * Signals this close together are one: under `npm start`, Ctrl-C reaches this process twice, once from the
 * terminal, which signals the whole process group, and once from npm, which passes its own on.
 */
const SAME_SIGNAL_MS = 400;

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Signals that ask the process to end, caught from the moment this is made. */
export interface StopSignal {
  /** Fulfilled with the first one. */
  readonly received: Promise<void>;
  /** Gives the signals back to Node's own handling. */
  close(): void;
}

/**
 * Catches SIGINT and SIGTERM. To be called before anything is started: a supervisor may stop a process as
 * soon as it is ready, and an uncaught signal would end it without draining. A second signal ends the
 * process at once.
 */
export function catchStopSignals(): StopSignal {
  const { promise, resolve } = Promise.withResolvers<void>();
  let firstAtMs: number | undefined;
  const onSignal = () => {
    const nowMs = performance.now();
    firstAtMs ??= nowMs;
    if (nowMs - firstAtMs > SAME_SIGNAL_MS) process.exit(1);
    resolve();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    received: promise,
    close: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}

/**
 * Waits for the signal, then stops the app: no new connections, requests under way are finished within
 * `drainMs`.
 */
export async function drainOnSignal(
  app: App,
  signal: StopSignal,
  context: CommandContext,
): Promise<ExitCode> {
  const { drainMs } = context.settings;
  await signal.received;
  context.print(`Draining, up to ${drainMs / 1000} s. A second signal stops at once.`);
  return stopWithin(app, drainMs + STOP_GRACE_MS, context);
}

/** Stops the app; exit code 1 if that takes longer than the bound. */
export async function stopWithin(app: App, boundMs: number, context: CommandContext): Promise<ExitCode> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, boundMs, "late");
  });
  const outcome = await Promise.race([app.stop().then(() => "stopped" as const), bound]);
  clearTimeout(timer);
  if (outcome === "stopped") return 0;
  context.complain(`dynatier: not everything was closed within ${boundMs / 1000} s`);
  return 1;
}

/** Starts the app. If that fails, what it had opened already is closed again before the error goes on. */
export async function startOrClose(app: App): Promise<Awaited<ReturnType<App["start"]>>> {
  try {
    return await app.start();
  } catch (cause) {
    // The start's own error is the one that tells; a failure to close half of it adds nothing.
    await app.stop().catch(() => undefined);
    throw cause;
  }
}
