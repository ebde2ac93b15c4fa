/** Addresses of Redis as settings give them: one server, the Sentinels of one, or some nodes of a Cluster. */

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface RedisAddress {
  readonly mode: "single" | "sentinel" | "cluster";
  readonly isTls: boolean;
  /** The server; the Sentinels; nodes of the Cluster to ask first. At least one. */
  readonly nodes: readonly HostPort[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  /** What the Sentinels call the master. */
  readonly masterName: string | undefined;
}

interface Scheme {
  readonly mode: RedisAddress["mode"];
  readonly isTls: boolean;
  readonly port: number;
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  ["redis", { mode: "single", isTls: false, port: 6379 }],
  ["rediss", { mode: "single", isTls: true, port: 6379 }],
  ["redis-cluster", { mode: "cluster", isTls: false, port: 6379 }],
  ["rediss-cluster", { mode: "cluster", isTls: true, port: 6379 }],
  ["redis-sentinel", { mode: "sentinel", isTls: false, port: 26379 }],
]);

const FORM = /^([a-z-]+):\/\/(?:(.*)@)?([^@/]*)(?:\/(.*))?$/s;
const NODES_MAX = 64;
const DB_MAX = 65_535;

/**
 * `redis[s]://[user[:password]@]host[:port][/db]`, `redis[s]-cluster://[…@]host:port,host:port`,
 * `redis-sentinel://[…@]host:port,host:port/name[/db]`. User and password are percent-encoded. Throws an Error that
 * says what is wrong, without repeating the address: it may hold a password.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const [, schemeName = "", credentials, hosts = "", path] = FORM.exec(url) ?? [];
  const scheme = SCHEMES.get(schemeName);
  if (!scheme) throw new Error(`must begin with one of ${[...SCHEMES.keys()].join("://, ")}://`);
  if (/[?#\s]/.test(hosts + (path ?? ""))) throw new Error("must not have spaces, ? or # behind the host");
  const texts = hosts.split(",");
  if (scheme.mode === "single" && texts.length > 1) {
    throw new Error("names several hosts: write redis-cluster:// or redis-sentinel://");
  }
  if (texts.length > NODES_MAX) throw new Error(`names more than ${NODES_MAX} hosts`);
  const nodes = texts.map((text) => parseHost(text, scheme.port));
  return {
    mode: scheme.mode,
    isTls: scheme.isTls,
    nodes,
    ...parseUser(credentials),
    ...parsePath(path, scheme),
  };
}

/** Why an address is not accepted; undefined = it is. */
export function redisProblem(url: string): string | undefined {
  try {
    parseRedisUrl(url);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function parseHost(text: string, defaultPort: number): HostPort {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw new Error("needs host or host:port (an IPv6 address in brackets)");
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port < 1 || port > 65_535) throw new Error("has a port that is not between 1 and 65535");
  return { host, port };
}

function parseUser(text: string | undefined): Pick<RedisAddress, "user" | "password"> {
  if (text === undefined) return { user: undefined, password: undefined };
  const colon = text.indexOf(":");
  const user = decoded(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? "" : decoded(text.slice(colon + 1));
  if (user !== "" && password === "") throw new Error("names a user without a password");
  return { user: user === "" ? undefined : user, password: password === "" ? undefined : password };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("has a user or password that is not percent-encoded");
  }
}

function parsePath(path: string | undefined, scheme: Scheme): Pick<RedisAddress, "masterName" | "db"> {
  const parts = path === undefined || path === "" ? [] : path.split("/");
  const masterName = scheme.mode === "sentinel" ? parts.shift() : undefined;
  if (scheme.mode === "sentinel" && !masterName) throw new Error("needs the master's name: …host:port/name");
  const [digits = "0", ...rest] = parts;
  const db = /^\d{1,5}$/.test(digits) ? Number(digits) : -1;
  if (rest.length > 0 || db < 0 || db > DB_MAX) throw new Error("has a database that is not a number");
  if (scheme.mode === "cluster" && db !== 0) throw new Error("names a database: a Cluster has only 0");
  return { masterName, db };
}
