/** One list of signed headers ("host;x-amz-date;…"), and how a request's headers are read by it. */

import { canonicalValue } from "../sigv4/canonical-request.ts";
import { mismatch, notSigned } from "./refusals.ts";

/** More names than any client signs; a request has no more than 16 KiB of headers in all. */
const namesMax = 100;

export class SignedHeaders {
  /** As the client wrote it. */
  readonly text: string;
  readonly #names: readonly string[];
  readonly #places: ReadonlyMap<string, number>;
  /** The names of the request before, and their places: a client sends its headers in one order and spelling. */
  readonly #lastNames: string[] = [];
  readonly #lastPlaces: (number | undefined)[] = [];

  /** @throws InvalidSignatureException if host is not among the names, or they are not sorted lower-case names */
  constructor(text: string) {
    this.text = text;
    this.#names = text.split(";", namesMax + 1);
    this.#places = new Map(this.#names.map((name, place) => [name, place]));
    if (!this.#places.has("host")) throw notSigned("Host' or ':authority");
    // DynamoDB sorts the names itself, so what was signed in another order does not match.
    const sorted = this.#names.every((name, place) => place === 0 || this.#names[place - 1]! < name);
    const spelled = this.#names.every((name) => name !== "" && name === name.toLowerCase());
    if (!sorted || !spelled || this.#names.length > namesMax) throw mismatch();
  }

  /**
   * The values of the signed headers, in the list's order; duplicates joined in the order received.
   * @throws InvalidSignatureException if an x-amz- header is not signed (the operation is one), or a signed one is not there
   */
  valuesIn(rawHeaders: readonly string[]): string[] {
    const values = new Array<string | undefined>(this.#names.length).fill(undefined);
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const place = this.#placeOf(rawHeaders[at]!, at >> 1);
      if (place === undefined) continue;
      const value = canonicalValue(rawHeaders[at + 1]!);
      const earlier = values[place];
      values[place] = earlier === undefined ? value : `${earlier},${value}`;
    }
    const found: string[] = [];
    for (const value of values) {
      if (value === undefined) throw mismatch();
      found.push(value);
    }
    return found;
  }

  /** @param line where the header stands in its request, counted from 0 */
  #placeOf(name: string, line: number): number | undefined {
    if (this.#lastNames[line] === name) return this.#lastPlaces[line];
    const lowerCase = name.toLowerCase();
    const place = this.#places.get(lowerCase);
    if (place === undefined && lowerCase.startsWith("x-amz-")) throw notSigned(lowerCase);
    // In order, so that neither list has a gap.
    if (line < namesMax && line <= this.#lastNames.length) {
      // A copy: a piece cut out of a request's head would keep all of the head alive.
      this.#lastNames[line] = Buffer.from(name, "latin1").toString("latin1");
      this.#lastPlaces[line] = place;
    }
    return place;
  }

  /** The value of one of the names, undefined if it is not signed. */
  pick(name: string, values: readonly string[]): string | undefined {
    const place = this.#places.get(name);
    return place === undefined ? undefined : values[place];
  }

  /** "name:value\n" for each. */
  canonical(values: readonly string[]): string {
    let text = "";
    for (let place = 0; place < this.#names.length; place += 1)
      text += `${this.#names[place]}:${values[place]}\n`;
    return text;
  }
}

/** The first value of a header and how often it is there. `name`: lower case. */
export function headerIn(
  rawHeaders: readonly string[],
  name: string,
): { readonly value: string | undefined; readonly count: number } {
  let value: string | undefined;
  let count = 0;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const other = rawHeaders[at]!;
    if (other.length !== name.length || other.toLowerCase() !== name) continue;
    value ??= rawHeaders[at + 1];
    count += 1;
  }
  return { value, count };
}
