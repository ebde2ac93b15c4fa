/** Bodies that are too long to be copied at each hit: in buffers of their own, handed out as they are, found by number. */

import { ownBytes } from "../util/own-bytes.ts";

/** What a buffer's objects take beside its bytes, in V8's heap and outside (docs/decisions/0006). */
export const apartOverheadBytes = 400;

export class ApartBodies {
  readonly #bodies: (Uint8Array | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  #bytes = 0;

  static costBytes(body: Uint8Array): number {
    return body.byteLength + apartOverheadBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns its number */
  keep(body: Uint8Array): number {
    const number = this.#freeNumbers.pop() ?? this.#bodies.length;
    this.#bodies[number] = ownBytes(body);
    this.#bytes += ApartBodies.costBytes(body);
    return number;
  }

  body(number: number): Uint8Array {
    return this.#bodies[number]!;
  }

  drop(number: number): void {
    this.#bytes -= ApartBodies.costBytes(this.body(number));
    this.#bodies[number] = undefined;
    this.#freeNumbers.push(number);
  }
}
