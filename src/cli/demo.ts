/** `dynatier demo`: the proxy over an emulator inside the process, and a tour of what it does. */
import { createServer } from "node:net";
import type { Settings } from "../config/settings.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { DemoClient } from "./demo-client.ts";
import { DEMO_TABLE, orderKey } from "./demo-data.ts";
import { seed, tour } from "./demo-tour.ts";
import { reachable } from "./http-call.ts";
import { catchStopSignals, drainOnSignal, type StopSignal, startOrClose, stopWithin } from "./lifetime.ts";

const STOP_WITHIN_MS = 5000;

export async function run(context: CommandContext): Promise<ExitCode> {
  const signal = catchStopSignals();
  try {
    return await demonstrate(context, signal);
  } finally {
    signal.close();
  }
}

async function demonstrate(context: CommandContext, signal: StopSignal): Promise<ExitCode> {
  const { print } = context;
  const settings = await demoSettings(context);
  const { createApp } = await import("../app.ts");
  const app = await createApp(settings);
  const { url, adminUrl } = await startOrClose(app);
  print(`dynatier with an in-memory DynamoDB inside, ready after ${Math.round(performance.now())} ms`);
  print(`  DynamoDB endpoint  ${url}`);
  print(`  admin, metrics     ${adminUrl}`);
  const { adminToken, region, requestTimeoutMs: timeoutMs } = settings;
  const client = new DemoClient({ url, adminUrl, adminToken, region, timeoutMs });
  try {
    const began = performance.now();
    const count = await seed(client);
    const tookMs = Math.round(performance.now() - began);
    print(`  table              ${DEMO_TABLE}, ${count} orders, written in ${tookMs} ms`);
    print("");
    await tour(client, print);
    print("");
  } catch (cause) {
    await stopWithin(app, STOP_WITHIN_MS, context);
    throw cause;
  } finally {
    client.close();
  }
  if (context.options.get("once") === "true") return stopWithin(app, STOP_WITHIN_MS, context);
  for (const line of tryItLines(reachable(url).origin, settings)) print(line);
  return drainOnSignal(app, signal, context);
}

/** The given settings on ports that are free, speaking plain HTTP, and quiet unless told otherwise. */
async function demoSettings({ settings, sources, print }: CommandContext): Promise<Settings> {
  const isDefault = (name: keyof Settings) => sources.get(name) === "default";
  const freePort = async (host: string, port: number) => {
    if (await isFree(host, port)) return port;
    print(`Port ${port} is in use, so the demo takes another one.`);
    return 0;
  };
  return {
    ...settings,
    port: isDefault("port") ? await freePort(settings.host, settings.port) : settings.port,
    adminPort: isDefault("adminPort")
      ? await freePort(settings.adminHost, settings.adminPort)
      : settings.adminPort,
    logLevel: isDefault("logLevel") ? "warn" : settings.logLevel,
    tlsCert: undefined,
    tlsKey: undefined,
    tlsClientCa: undefined,
  };
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(false) : reject(error),
    );
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

function tryItLines(url: string, { region }: Settings): string[] {
  const key = JSON.stringify(orderKey(7, 3));
  return [
    "Try it yourself. The AWS CLI:",
    "  export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo",
    `  export AWS_REGION=${region} AWS_DEFAULT_REGION=${region}`,
    `  aws dynamodb get-item --endpoint-url ${url} --table-name ${DEMO_TABLE} --key '${key}'`,
    "JavaScript:",
    `  const client = new DynamoDBClient({ endpoint: "${url}" });`,
    `  await client.send(new GetItemCommand({ TableName: "${DEMO_TABLE}", Key: ${key} }));`,
    "Python:",
    `  boto3.resource("dynamodb", endpoint_url="${url}").Table("${DEMO_TABLE}").scan()["Count"]`,
    "",
    "The demo stays up until Ctrl-C.",
  ];
}
