/** The AWS Region that this machine's AWS settings name. */
import { join } from "node:path";
import type { Environment } from "./environment.ts";

/**
 * AWS_REGION, else AWS_DEFAULT_REGION, else the profile's region in the shared config file
 * (AWS_CONFIG_FILE, by default ~/.aws/config); undefined if none of them is there. (AWS SDKs and Tools
 * Reference Guide, "AWS Region" and "Shared config and credentials files".)
 * @param readFile as in load.ts; a file that cannot be read names no region.
 */
export function regionFromAws(env: Environment, readFile: (path: string) => string): string | undefined {
  const given = env.AWS_REGION || env.AWS_DEFAULT_REGION;
  if (given) return given;
  const home = env.HOME || env.USERPROFILE;
  const path = env.AWS_CONFIG_FILE || (home ? join(home, ".aws", "config") : undefined);
  if (path === undefined) return undefined;
  try {
    return profileRegion(readFile(path), env.AWS_PROFILE || "default");
  } catch {
    return undefined;
  }
}

/** `region` of `[profile NAME]`, or of `[default]`. Nested settings are indented and do not count. */
export function profileRegion(config: string, profile: string): string | undefined {
  const wanted = profile === "default" ? ["default", "profile default"] : [`profile ${profile}`];
  let inside = false;
  for (const line of config.split(/\r?\n/)) {
    const section = /^\s*\[\s*(.*?)\s*\]/.exec(line);
    if (section) {
      inside = wanted.includes((section[1] ?? "").replaceAll(/\s+/g, " "));
      continue;
    }
    const region = inside ? /^region\s*=\s*([A-Za-z0-9-]+)\s*(?:[#;].*)?$/.exec(line) : null;
    if (region) return region[1];
  }
  return undefined;
}
