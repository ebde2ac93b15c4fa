/** Which listening addresses only this machine can reach. */
import { isIP } from "node:net";

/**
 * True for localhost, 127.0.0.0/8 and ::1 (with or without brackets). Anything else is taken to be
 * reachable.
 */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (bare === "localhost" || bare === "::1") return true;
  return isIP(bare) === 4 && bare.startsWith("127.");
}
