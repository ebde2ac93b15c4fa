/** From arguments to exit code: finds the command, loads the settings, runs it. */
import { readFileSync } from "node:fs";
import type { Environment } from "../config/environment.ts";
import { parseFlags } from "../config/flags.ts";
import { loadFrom } from "../config/load.ts";
import { nearest } from "../config/nearest.ts";
import { flagName, SETTING_NAMES } from "../config/settings.ts";
import { type CommandContext, type ExitCode, UsageError } from "./command.ts";
import { COMMANDS, COMMANDS_NOT_BUILT, type Command, ownOptions } from "./commands.ts";
import { describeStartFailure } from "./start-failure.ts";

/** Where a command's lines go. */
export type Terminal = Pick<CommandContext, "print" | "complain">;

const processTerminal: Terminal = {
  print: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
};

/**
 * Runs `dynatier` with these arguments and answers its exit code. The command comes first; without one it
 * is `serve`.
 * @param argv the arguments after the script's name
 */
export async function runCommandLine(
  argv: readonly string[],
  env: Environment,
  terminal: Terminal = processTerminal,
): Promise<ExitCode> {
  const first = argv[0];
  const named = first !== undefined && !first.startsWith("-");
  const name = named ? first : "serve";
  const rest = named ? argv.slice(1) : argv;
  const before = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
  const asks = (...spellings: string[]) => before.some((argument) => spellings.includes(argument));

  if (!named && asks("--version", "-V")) {
    terminal.print((await import("./version.ts")).packageVersion());
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (asks("--help", "-h") || name === "help") {
    const { printCommandHelp, printHelp } = await import("./help.ts");
    terminal.print(named && command ? printCommandHelp(name, command) : printHelp());
    return named && !command && name !== "help" ? 2 : 0;
  }
  if (!command) {
    terminal.complain(unknownCommand(name));
    return 2;
  }
  return runCommand(command, rest, env, terminal);
}

async function runCommand(
  command: Command,
  argv: readonly string[],
  env: Environment,
  terminal: Terminal,
): Promise<ExitCode> {
  const flags = parseFlags(argv, ownOptions(command));
  const problems = [...flags.problems, ...strayArguments(flags.positionals, command)];
  const readFile = (path: string) => readFileSync(path, "utf8");
  const settingFlags = new Map(flags.settings);
  for (const name of SETTING_NAMES) {
    const fixed = command.fixed?.[name];
    if (!fixed) continue;
    const given = settingFlags.get(name);
    const differs = given !== undefined && given !== fixed.value;
    if (differs) problems.push(`${flagName(name)} ${given} cannot be given: ${fixed.why}`);
    settingFlags.set(name, fixed.value);
  }
  const loaded = await loadFrom({ settings: settingFlags, problems }, env, readFile);
  if (loaded.problems !== undefined) {
    const count = loaded.problems.length === 1 ? "1 problem" : `${loaded.problems.length} problems`;
    terminal.complain(`dynatier cannot start (${count}):`);
    for (const problem of loaded.problems) terminal.complain(`  ${problem}`);
    return 2;
  }
  try {
    const { run } = await command.load();
    return await run({
      ...loaded,
      ...terminal,
      options: flags.options,
      positionals: flags.positionals,
      readFile,
    });
  } catch (cause) {
    terminal.complain(`dynatier: ${describeStartFailure(cause, loaded.settings)}`);
    if (cause instanceof UsageError) return 2;
    if (loaded.settings.logLevel === "debug" || loaded.settings.logLevel === "trace") {
      terminal.complain(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    }
    return 1;
  }
}

function strayArguments(positionals: readonly string[], command: Command): string[] {
  return positionals.slice(command.positionalsMax).map((one) => {
    const isCommand = Object.hasOwn(COMMANDS, one);
    return `unexpected argument “${one}”; ${isCommand ? "the command comes first" : "flags begin with --"}`;
  });
}

function unknownCommand(name: string): string {
  if (COMMANDS_NOT_BUILT.includes(name)) return `dynatier ${name} is not built yet in this version`;
  const guess = nearest(name, Object.keys(COMMANDS));
  return `dynatier has no command “${name}”; ${guess ? `did you mean ${guess}?` : "see dynatier --help"}`;
}
