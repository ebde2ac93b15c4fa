/** What went wrong at start, in one line that says what to do. */
import type { Settings } from "../config/settings.ts";

const REASONS: Readonly<Record<string, (place: string, flag: string) => string>> = {
  EADDRINUSE: (place, flag) => `${place} is in use by another program; choose another port with ${flag}`,
  EACCES: (place, flag) => `this user may not listen on ${place}; choose a port above 1023 with ${flag}`,
  EADDRNOTAVAIL: (place) => `this machine has no address ${place}; check the host setting`,
  ENOTFOUND: (place) => `the host name of ${place} cannot be resolved; check the host setting`,
};

/** One line for any error thrown while starting or running a command. */
export function describeStartFailure(cause: unknown, settings: Pick<Settings, "adminPort">): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const isListening = "syscall" in cause && (cause.syscall === "listen" || cause.syscall === "getaddrinfo");
  const reason = isListening && Object.hasOwn(REASONS, code) ? REASONS[code] : undefined;
  if (!reason) return cause.message.split("\n", 1)[0] || cause.name;
  const port = "port" in cause && typeof cause.port === "number" ? cause.port : undefined;
  const host = "address" in cause ? cause.address : "hostname" in cause ? cause.hostname : undefined;
  const place = [host, port].filter((part) => part !== undefined).join(":");
  return reason(place, port === settings.adminPort && port !== 0 ? "--admin-port" : "--port");
}
