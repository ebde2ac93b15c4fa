/**
 * What must hold between settings. Each row names the settings it is about; it is skipped if one is wrong.
 */
import { isLoopbackHost } from "./loopback.ts";
import type { SettingName, Settings } from "./settings.ts";

export interface CheckContext {
  readonly settings: Settings;
  readonly isGiven: (name: SettingName) => boolean;
}

export interface Check {
  readonly about: readonly SettingName[];
  /** The complaint, or undefined if all is well. */
  readonly find: (context: CheckContext) => string | undefined;
}

/** A port as others see it; 0 is not yet known. */
function samePlace(settings: Settings, host: string, port: number): boolean {
  if (port === 0 || port !== settings.port) return false;
  return host === settings.host || (isLoopbackHost(host) && isLoopbackHost(settings.host));
}

export const CHECKS: readonly Check[] = [
  {
    about: ["host", "insecure", "auth"],
    find: ({ settings: { host, insecure, auth } }) =>
      isLoopbackHost(host) || insecure || auth !== "none"
        ? undefined
        : `\`host\` ${host} can be reached from other machines, and callers are not authenticated: ` +
          "set `auth: sigv4`, or `insecure: true` if the network keeps strangers out, or listen on 127.0.0.1",
  },
  {
    about: ["auth", "keys"],
    find: ({ settings: { auth, keys } }) => {
      if ((auth === "sigv4") === (keys !== undefined)) return undefined;
      return keys === undefined
        ? "`auth: sigv4` needs `keys`, the file of the access keys that callers sign with"
        : "`keys` has no effect without `auth: sigv4`";
    },
  },
  {
    about: ["adminHost", "adminToken"],
    find: ({ settings: { adminHost, adminToken } }) =>
      isLoopbackHost(adminHost) || adminToken !== undefined
        ? undefined
        : `\`adminHost\` ${adminHost} can be reached from other machines: set \`adminToken\` ` +
          "(best as DYNATIER_ADMIN_TOKEN), or listen on 127.0.0.1",
  },
  {
    about: ["tlsCert", "tlsKey"],
    find: ({ settings: { tlsCert, tlsKey } }) => {
      if ((tlsCert === undefined) === (tlsKey === undefined)) return undefined;
      return tlsCert === undefined ? "`tlsKey` needs `tlsCert` as well" : "`tlsCert` needs `tlsKey` as well";
    },
  },
  {
    about: ["tlsClientCa", "tlsCert", "tlsKey"],
    find: ({ settings: { tlsClientCa, tlsCert, tlsKey } }) =>
      tlsClientCa === undefined || (tlsCert !== undefined && tlsKey !== undefined)
        ? undefined
        : "`tlsClientCa` needs `tlsCert` and `tlsKey` as well",
  },
  {
    about: ["streamIdlePollMs", "freshWithinMs", "streams"],
    find: ({ settings: { streams, streamIdlePollMs, freshWithinMs } }) =>
      streams === "off" || streamIdlePollMs < freshWithinMs
        ? undefined
        : `\`streamIdlePollMs\` ${streamIdlePollMs} must be below \`freshWithinMs\` ${freshWithinMs}, or an idle ` +
          "stream counts as silent",
  },
  {
    about: ["awsEndpointMode", "awsAccountId"],
    find: ({ settings: { awsEndpointMode, awsAccountId } }) =>
      awsEndpointMode !== "account" || awsAccountId !== undefined
        ? undefined
        : "`awsEndpointMode: account` needs `awsAccountId`",
  },
  {
    about: ["region", "upstream"],
    find: ({ settings: { region } }) =>
      region !== ""
        ? undefined
        : "`region` is not known: set it, or AWS_REGION, or a region in the AWS profile (~/.aws/config)",
  },
  {
    about: ["host", "port", "adminHost", "adminPort"],
    find: ({ settings }) =>
      samePlace(settings, settings.adminHost, settings.adminPort)
        ? `\`port\` and \`adminPort\` are both ${settings.port}: give them different ports`
        : undefined,
  },
  {
    about: ["host", "port", "upstream"],
    find: ({ settings }) => {
      if (!URL.canParse(settings.upstream)) return undefined;
      const { hostname, port, protocol } = new URL(settings.upstream);
      const upstreamPort = port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
      return samePlace(settings, hostname, upstreamPort)
        ? `\`upstream\` ${settings.upstream} is the address that dynatier itself listens on`
        : undefined;
    },
  },
  {
    about: ["entryBytesMax", "cacheBytesMax", "workers"],
    find: ({ settings: { entryBytesMax, cacheBytesMax, workers }, isGiven }) => {
      if (!isGiven("entryBytesMax") || entryBytesMax * workers <= cacheBytesMax) return undefined;
      const bound = `\`cacheBytesMax\` ${cacheBytesMax}`;
      return workers === 1
        ? `\`entryBytesMax\` ${entryBytesMax} is more than ${bound}`
        : `\`entryBytesMax\` ${entryBytesMax} is more than one of ${workers} workers has of ${bound}`;
    },
  },
];

const TLS_FILES = ["tlsCert", "tlsKey", "tlsClientCa"] as const;

/** Complaints about TLS files: unreadable, not PEM, or a key that does not belong to its certificate. */
export async function tlsProblems(settings: Settings, readFile: (path: string) => string): Promise<string[]> {
  const problems: string[] = [];
  const texts = new Map<string, string>();
  for (const name of TLS_FILES) {
    const path = settings[name];
    if (path === undefined) continue;
    try {
      const pem = readFile(path);
      // Node's TLS takes an empty file for an option that was not given.
      if (pem.trim() === "") problems.push(`\`${name}\` ${path} cannot be used (it is empty)`);
      texts.set(name, pem);
    } catch (cause) {
      problems.push(`\`${name}\` ${path} cannot be read (${reasonOf(cause)})`);
    }
  }
  const cert = texts.get("tlsCert");
  const key = texts.get("tlsKey");
  const ca = texts.get("tlsClientCa");
  if (problems.length > 0) return problems;
  if (ca !== undefined) {
    const reason = await authorityProblem(ca);
    if (reason !== undefined)
      problems.push(`\`tlsClientCa\` ${settings.tlsClientCa} cannot be used (${reason})`);
  }
  if (cert !== undefined && key !== undefined) {
    const { createSecureContext } = await import("node:tls");
    try {
      createSecureContext({ cert, key });
    } catch (cause) {
      problems.push(`\`tlsCert\` and \`tlsKey\` cannot be used together (${reasonOf(cause)})`);
    }
  }
  return problems;
}

/**
 * What is wrong with a file of client authorities. Node's TLS skips what is no certificate without a word,
 * and for an empty text it trusts all public authorities instead of none, so the file is looked into here.
 */
async function authorityProblem(pem: string): Promise<string | undefined> {
  const { X509Certificate } = await import("node:crypto");
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return "it holds no certificate in PEM form";
  try {
    for (const block of blocks) new X509Certificate(block);
    return undefined;
  } catch (cause) {
    return reasonOf(cause);
  }
}

/** The short form of a system or OpenSSL error. */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause && cause.code === "ENOENT" ? "no such file" : cause.message;
}
