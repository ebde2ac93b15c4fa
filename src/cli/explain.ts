/** `dynatier explain`: what would be done with a request, without doing it. */
import type { CommandContext, ExitCode } from "./command.ts";
import { UsageError } from "./command.ts";
import { jsonArgument } from "./json-argument.ts";

const EXAMPLE = `dynatier explain '{"TableName":"Orders","Key":{"id":{"S":"1"}}}' --target GetItem`;

export async function run(context: CommandContext): Promise<ExitCode> {
  const { settings, options, positionals, print } = context;
  const target = options.get("target");
  const text = positionals[0];
  if (target === undefined || text === undefined) {
    throw new UsageError(`explain needs a request and its operation: ${EXAMPLE}`);
  }
  const input = jsonArgument(text, "the request");
  // The full X-Amz-Target (DynamoDB_20120810.GetItem) is as good as the operation's name.
  const operation = target.slice(target.lastIndexOf(".") + 1);
  const { createApp } = await import("../app.ts");
  const app = await createApp(settings);
  try {
    const plan = await app.explain(operation, input);
    if (options.get("json") === "true") print(JSON.stringify(plan, null, 2));
    else for (const line of planLines({ operation, ...plan })) print(line);
    return 0;
  } finally {
    await app.stop();
  }
}

/** One line a member; lists below their name; what is itself nested as JSON. */
export function planLines(plan: Readonly<Record<string, unknown>>): string[] {
  const members = Object.entries(plan).filter(([, value]) => value !== undefined);
  const width = Math.max(...members.map(([name]) => name.length));
  return members.flatMap(([name, value]) => {
    const list = Array.isArray(value) ? value : [value];
    if (list.length === 0) return [`${name.padEnd(width)}  none`];
    return list.map((one, index) => `${(index === 0 ? name : "").padEnd(width)}  ${plain(one)}`);
  });
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
