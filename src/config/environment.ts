/** Settings from DYNATIER_… environment variables. */
import { nearest } from "./nearest.ts";
import { environmentName, SETTING_NAMES, type SettingName } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const BY_VARIABLE: ReadonlyMap<string, SettingName> = new Map(
  SETTING_NAMES.map((name) => [environmentName(name), name]),
);

/**
 * Kubernetes puts variables into every container for each Service of its namespace. One named "dynatier"
 * gives DYNATIER_SERVICE_HOST, DYNATIER_PORT_8100_TCP_ADDR and DYNATIER_PORT=tcp://10.0.0.1:8100;
 * "dynatier-admin" gives DYNATIER_ADMIN_PORT in the same way. They are not meant for us, although two of
 * them bear the names of settings. (Kubernetes documentation, "Environment variables" under Service.)
 */
function isServiceLink(variable: string, value: string): boolean {
  if (/_PORT$/.test(variable) && /^(tcp|udp|sctp):\/\//.test(value)) return true;
  return /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(
    variable,
  );
}

/** The text of each setting that the environment gives. An empty variable counts as unset. */
export function parseEnvironment(env: Environment): {
  readonly settings: ReadonlyMap<SettingName, string>;
  readonly problems: readonly string[];
} {
  const settings = new Map<SettingName, string>();
  const problems: string[] = [];
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith("DYNATIER_") || value === undefined) continue;
    if (isServiceLink(variable, value)) continue;
    const name = BY_VARIABLE.get(variable);
    if (name === undefined) {
      const guess = nearest(variable.slice("DYNATIER_".length), SETTING_NAMES);
      const hint = guess ? `did you mean ${environmentName(guess)}?` : "see dynatier --help";
      problems.push(`${variable} is not a known environment variable; ${hint}`);
    } else if (value !== "") {
      settings.set(name, value);
    }
  }
  return { settings, problems };
}
