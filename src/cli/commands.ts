/**
 * THE table of commands: what each does, its own options, and where it lives. Modules are loaded only when
 * run.
 */
import type { OwnOptions } from "../config/flags.ts";
import type { SettingName } from "../config/settings.ts";
import type { CommandModule } from "./command.ts";

export interface CommandOption {
  readonly takes: "switch" | "value";
  /** How help shows it: "--target <operation>". */
  readonly usage: string;
  readonly help: string;
}

export interface Command {
  /** What follows the command's name in the usage line. */
  readonly usage: string;
  readonly help: string;
  readonly options: Readonly<Record<string, CommandOption>>;
  readonly positionalsMax: number;
  /** Settings that this command does not leave open, whatever file and environment say. */
  readonly fixed?: Readonly<Partial<Record<SettingName, { readonly value: string; readonly why: string }>>>;
  readonly load: () => Promise<CommandModule>;
}

const JSON_OUTPUT: CommandOption = {
  takes: "switch",
  usage: "--json",
  help: "Print JSON instead of lines for a reader.",
};

export const COMMANDS: Readonly<Record<string, Command>> = {
  serve: {
    usage: "",
    help: "Run the proxy (this is what happens without a command).",
    options: {},
    positionalsMax: 0,
    load: () => import("./serve.ts"),
  },
  demo: {
    usage: "[--once]",
    help: "Run the proxy with an emulator inside; show a miss, hits, a write and the fresh read after it.",
    options: {
      once: { takes: "switch", usage: "--once", help: "Stop after the tour instead of staying up." },
    },
    positionalsMax: 0,
    fixed: {
      upstream: { value: "embedded", why: "the demo always runs on its own emulator, never on real tables" },
      auth: { value: "none", why: "the demo's own calls are not signed" },
      keys: { value: "none", why: "the demo's own calls are not signed" },
    },
    load: () => import("./demo.ts"),
  },
  check: {
    usage: "[--json]",
    help: "Check the settings, reach the upstream, and say for each table how it will be cached and why.",
    options: { json: JSON_OUTPUT },
    positionalsMax: 0,
    load: () => import("./check.ts"),
  },
  explain: {
    usage: "'<json>' --target <operation> [--json]",
    help: "Print what would be done with a request: its key, what it depends on, and why.",
    options: {
      target: {
        takes: "value",
        usage: "--target <operation>",
        help: "The operation, for example GetItem.",
      },
      json: JSON_OUTPUT,
    },
    positionalsMax: 1,
    load: () => import("./explain.ts"),
  },
  invalidate: {
    usage: "(--table <name> [--key <json> | --partition <json>] | --everything)",
    help: "Drop cached answers of a running dynatier, through its admin endpoint.",
    options: {
      table: { takes: "value", usage: "--table <name>", help: "The table; alone, all of it." },
      key: {
        takes: "value",
        usage: "--key <json>",
        help: 'One item, by its primary key: \'{"id":{"S":"1"}}\'.',
      },
      partition: {
        takes: "value",
        usage: "--partition <json>",
        help: 'All items with this partition key: \'{"id":{"S":"1"}}\'.',
      },
      everything: { takes: "switch", usage: "--everything", help: "All tables." },
      "admin-url": {
        takes: "value",
        usage: "--admin-url <url>",
        help: "The admin endpoint, if it is not at adminHost and adminPort.",
      },
    },
    positionalsMax: 0,
    load: () => import("./invalidate.ts"),
  },
};

/** Commands that are planned and not there yet: naming one gets a clear answer. */
export const COMMANDS_NOT_BUILT: readonly string[] = ["bench", "top", "audit"];

/** The command's options in the form the flag parser takes. */
export function ownOptions(command: Command): OwnOptions {
  return Object.fromEntries(Object.entries(command.options).map(([name, { takes }]) => [name, takes]));
}
