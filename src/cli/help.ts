/** The text of --help, for all of dynatier and for one command. */
import { printSettingsHelp, wrap } from "../config/print.ts";
import { COMMANDS, type Command } from "./commands.ts";
import { packageVersion } from "./version.ts";

const WIDTH = 100;

/** `dynatier --help`. */
export function printHelp(): string {
  const names = Object.keys(COMMANDS);
  const column = Math.max(...names.map((name) => name.length)) + 4;
  const commands = Object.entries(COMMANDS).flatMap(([name, { help }]) =>
    hanging(`  ${name}`.padEnd(column), help),
  );
  return [
    `dynatier ${packageVersion()}: a DynamoDB endpoint that answers from memory, never stale after a write`,
    "",
    "Usage: dynatier [command] [settings]",
    "",
    "Commands:",
    ...commands,
    "",
    "  dynatier <command> --help shows the command's own options; dynatier --version prints the version.",
    "",
    "Every setting can be given as a flag (--item-ttl-ms 5m), in the environment (DYNATIER_ITEM_TTL_MS=5m)",
    "or in the YAML file (itemTtlMs: 5m). File < environment < flags. Defaults stand in [brackets].",
    "",
    printSettingsHelp(WIDTH),
  ].join("\n");
}

/** `dynatier <command> --help`. */
export function printCommandHelp(name: string, command: Command): string {
  const options = Object.values(command.options);
  const column = Math.max(0, ...options.map(({ usage }) => usage.length)) + 4;
  return [
    `Usage: dynatier ${name} ${command.usage}${command.usage ? " " : ""}[settings]`,
    "",
    ...wrap(command.help, WIDTH),
    "",
    ...options.flatMap(({ usage, help }) => hanging(`  ${usage}`.padEnd(column), help)),
    ...(options.length > 0 ? [""] : []),
    "dynatier --help lists the settings.",
    "",
  ].join("\n");
}

/** Text beside a heading of fixed width, further lines below the text. */
function hanging(heading: string, text: string): string[] {
  return wrap(text, WIDTH - heading.length).map(
    (line, index) => (index === 0 ? heading : " ".repeat(heading.length)) + line,
  );
}
