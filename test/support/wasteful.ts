// Loaded before a server (`node --import`): with everything that a client is sent, objects are made that nobody needs.
// For the test that a guard against waste notices it.

import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

const objects = 100;
const kept: { waste?: readonly object[] } = {};

subscribe("net.server.socket", (message) => {
  const { socket } = message as { readonly socket: Socket };
  const { write } = socket;
  Reflect.set(socket, "write", (...given: unknown[]) => {
    kept.waste = Array.from({ length: objects }, (_, at) => ({ at }));
    void Promise.resolve(kept);
    return Reflect.apply(write, socket, given);
  });
});
