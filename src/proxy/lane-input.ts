/**
 * Reads sockets into one buffer for all of them, where Node allocates 64 KiB for each read. Node offers that for sockets which a
 * program opens (`onread` of net.Socket), not for those that a server accepts: there it is set up as Node's own constructor
 * does it, with parts of the socket that are not documented. Where one of them is missing, `data` events are read as ever.
 * Measured in docs/decisions/0019.
 */

import { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** As much as Node reads at once. */
export const inputBytesMax = 65_536;

/** What Node's constructor sets for `onread`. */
interface Parts {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/** @returns undefined where this version of Node has none of them */
function partsOf(socket: Socket): Parts | undefined {
  const symbols = Object.getOwnPropertySymbols(socket);
  const named = (name: string) => symbols.find(({ description }) => description === name);
  const [buffer, callback, generator] = [named("kBuffer"), named("kBufferCb"), named("kBufferGen")];
  if (buffer === undefined || callback === undefined || generator === undefined) return undefined;
  const areUnset = [buffer, callback, generator].every((part) => Reflect.get(socket, part) === null);
  return areUnset ? { buffer, callback } : undefined;
}

/** Takes bytes that are only good until it returns. */
export type TakeBytes = (bytes: Buffer) => void;

export interface LaneInput {
  /**
   * Has everything that comes on a socket taken, from its very first byte on. To be called before the socket is read.
   * @returns ends that: from then on the socket is a stream like any other
   */
  read(socket: Socket, take: TakeBytes): () => void;
}

/** As any stream is read. */
export const streamInput: LaneInput = {
  read(socket, take) {
    socket.on("data", take);
    return () => void socket.off("data", take);
  },
};

export class SharedInput implements LaneInput {
  readonly #buffer = Buffer.allocUnsafeSlow(inputBytesMax);
  /** Found with the first socket. */
  #parts: Parts | "unknown" | undefined = "unknown";

  read(socket: Socket, take: TakeBytes): () => void {
    return this.#readInto(socket, take) ?? streamInput.read(socket, take);
  }

  #readInto(socket: Socket, take: TakeBytes): (() => void) | undefined {
    // What TLS costs is not the allocation.
    if (!(socket instanceof Socket) || socket instanceof TLSSocket) return undefined;
    const handle: unknown = Reflect.get(socket, "_handle");
    if (typeof handle !== "object" || handle === null) return undefined;
    const useUserBuffer: unknown = Reflect.get(handle, "useUserBuffer");
    if (this.#parts === "unknown") this.#parts = partsOf(socket);
    const parts = this.#parts;
    if (parts === undefined || typeof useUserBuffer !== "function") return undefined;
    Reflect.apply(useUserBuffer, handle, [this.#buffer]);
    Reflect.set(socket, parts.buffer, this.#buffer);
    const read = (length: number, bytes: Buffer): boolean => {
      take(bytes.subarray(0, length));
      return true;
    };
    // The handle cannot be given another way to read; what comes goes where it would have gone.
    const pushOn = (length: number, bytes: Buffer): boolean =>
      socket.push(Buffer.from(bytes.subarray(0, length)));
    Reflect.set(socket, parts.callback, read);
    return () => void Reflect.set(socket, parts.callback, pushOn);
  }
}
