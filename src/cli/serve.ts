/** `dynatier serve`: runs the proxy until it is told to stop. */
import type { CommandContext, ExitCode } from "./command.ts";
import { reachable } from "./http-call.ts";
import { catchStopSignals, drainOnSignal, startOrClose } from "./lifetime.ts";
import { packageVersion } from "./version.ts";

export async function run(context: CommandContext): Promise<ExitCode> {
  const { settings, print } = context;
  const signal = catchStopSignals();
  let hangUp: (() => void) | undefined;
  try {
    const { createApp } = await import("../app.ts");
    const app = await createApp(settings);
    const { callers } = app;
    if (callers) {
      hangUp = () => void callers.reload();
      process.on("SIGHUP", hangUp);
    }
    const { url, adminUrl, upstream } = await startOrClose(app);
    print(`dynatier ${packageVersion()} is ready after ${Math.round(performance.now())} ms`);
    print(`  DynamoDB endpoint  ${url}`);
    print(`  upstream           ${upstream} (${settings.region})`);
    print(`  admin, metrics     ${adminUrl}`);
    print("");
    print("Point an SDK or the AWS CLI at it, and change nothing else:");
    print(`  export AWS_ENDPOINT_URL_DYNAMODB=${reachable(url).origin}`);
    print("");
    return await drainOnSignal(app, signal, context);
  } finally {
    if (hangUp !== undefined) process.off("SIGHUP", hangUp);
    signal.close();
  }
}
