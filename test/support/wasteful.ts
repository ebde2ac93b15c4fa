// Loaded before a server (`node --import`): everything that a client sends is also made into objects that nobody needs.
// For the test that a guard against waste notices it.

import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

const objects = 100;
const kept: { waste?: readonly object[] } = {};

subscribe("net.server.socket", (message) => {
  const { socket } = message as { readonly socket: Socket };
  socket.on("data", () => {
    kept.waste = Array.from({ length: objects }, (_, at) => ({ at }));
    void Promise.resolve(kept);
  });
});
