/** What a command is, and what it is given. */
import type { ReadFile, Source } from "../config/load.ts";
import type { SettingName, Settings } from "../config/settings.ts";

/** Exit codes: 0 all well, 1 it went wrong, 2 it was asked for wrongly (nothing was started). */
export type ExitCode = 0 | 1 | 2;

export interface CommandContext {
  readonly settings: Settings;
  readonly sources: ReadonlyMap<SettingName, Source>;
  /** The command's own options that were given. */
  readonly options: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
  readonly readFile: ReadFile;
  /** One line for a person, on standard output. */
  readonly print: (line: string) => void;
  /** One line of complaint, on standard error. */
  readonly complain: (line: string) => void;
}

export interface CommandModule {
  run(context: CommandContext): Promise<ExitCode>;
}

/** A command that was asked for wrongly: the message says how to ask, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
