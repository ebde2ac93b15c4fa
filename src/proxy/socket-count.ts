/** Client connections and their bytes on the wire, TLS and HTTP framing included. */

import type { Socket } from "node:net";

export class SocketCount {
  readonly #open = new Set<Socket>();
  #closedReceivedBytes = 0;
  #closedSentBytes = 0;

  add(socket: Socket): void {
    this.#open.add(socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#closedReceivedBytes += socket.bytesRead;
      this.#closedSentBytes += socket.bytesWritten;
    });
  }

  get open(): number {
    return this.#open.size;
  }

  /** Since the start. */
  get receivedBytes(): number {
    let sum = this.#closedReceivedBytes;
    for (const socket of this.#open) sum += socket.bytesRead;
    return sum;
  }

  /** Since the start. */
  get sentBytes(): number {
    let sum = this.#closedSentBytes;
    for (const socket of this.#open) sum += socket.bytesWritten;
    return sum;
  }
}
