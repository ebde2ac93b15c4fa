/** The query string of a request: its parameters, and the canonical form in which a signature covers them. */

import { escapeUri } from "../sigv4/canonical-request.ts";

/** Decoded name and value. */
export type Parameter = readonly [name: string, value: string];

/**
 * The parameters of a query string, in its order. A plus sign is itself, not a space.
 * @param query what follows the question mark
 * @throws URIError if an escape is broken
 */
export function parseQuery(query: string): Parameter[] {
  if (query === "") return [];
  return query
    .split("&")
    .filter((part) => part !== "")
    .map((part): Parameter => {
      const equals = part.indexOf("=");
      const [name, value] = equals < 0 ? [part, ""] : [part.slice(0, equals), part.slice(equals + 1)];
      return [decodeURIComponent(name), decodeURIComponent(value)];
    });
}

/** Each name and value escaped anew, sorted by name, then value; without the signature itself. */
export function canonicalQuery(parameters: readonly Parameter[]): string {
  return parameters
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]): Parameter => [escapeUri(name), escapeUri(value)])
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
