/** `dynatier invalidate`: the invalidation API of a running dynatier, from the shell. */
import type { Settings } from "../config/settings.ts";
import type { Input } from "../dynamodb/model.ts";
import { type CommandContext, type ExitCode, UsageError } from "./command.ts";
import { httpCall, reachable } from "./http-call.ts";
import { jsonArgument } from "./json-argument.ts";

export async function run(context: CommandContext): Promise<ExitCode> {
  const { settings, options, print, complain } = context;
  const request = invalidationOf(options);
  const base = options.get("admin-url") ?? adminUrlOf(settings);
  if (!URL.canParse(base)) throw new UsageError(`--admin-url ${base} is not a URL`);
  const url = new URL("/api/invalidate", base);
  let reply: Awaited<ReturnType<typeof httpCall>>;
  try {
    const { adminToken } = settings;
    reply = await httpCall(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(adminToken !== undefined && { authorization: `Bearer ${adminToken}` }),
      },
      body: JSON.stringify(request),
      timeoutMs: settings.requestTimeoutMs,
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
    complain(
      `dynatier: no answer from ${url.origin} (${reason}); is dynatier running, and is this its admin port?`,
    );
    return 1;
  }
  if (reply.status >= 300) {
    const hint =
      reply.status === 401 || reply.status === 403 ? "; set DYNATIER_ADMIN_TOKEN to its token" : "";
    complain(`dynatier: ${url.origin} answered ${reply.status} ${reply.text.trim()}${hint}`);
    return 1;
  }
  print(`Invalidated ${describe(request)} in ${reply.tookMs.toFixed(1)} ms.`);
  return 0;
}

/** The body of the API call that the options ask for. */
export function invalidationOf(options: ReadonlyMap<string, string>): Input {
  const table = options.get("table");
  const key = options.get("key");
  const partition = options.get("partition");
  const narrowed = key !== undefined || partition !== undefined;
  if (options.get("everything") === "true") {
    if (table !== undefined || narrowed)
      throw new UsageError("--everything stands alone: it drops all tables");
    return { everything: true };
  }
  if (table === undefined) throw new UsageError("invalidate needs --table <name> or --everything");
  if (key !== undefined && partition !== undefined) {
    throw new UsageError("--key and --partition exclude each other");
  }
  if (key !== undefined) return { table, key: jsonArgument(key, "--key") };
  if (partition !== undefined) return { table, partition: jsonArgument(partition, "--partition") };
  return { table };
}

/** Where the admin endpoint of a dynatier with these settings is, seen from this machine. */
export function adminUrlOf({ adminHost, adminPort }: Pick<Settings, "adminHost" | "adminPort">): string {
  const host = adminHost.includes(":") && !adminHost.startsWith("[") ? `[${adminHost}]` : adminHost;
  return reachable(`http://${host}:${adminPort}`).href;
}

function describe(request: Input): string {
  if (request.everything === true) return "everything";
  const part = request.key ?? request.partition;
  const what = request.key !== undefined ? "the item" : "the partition";
  return part === undefined
    ? `all of ${request.table}`
    : `${what} ${JSON.stringify(part)} of ${request.table}`;
}
