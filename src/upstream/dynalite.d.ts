// What we use of dynalite, which brings no types.

declare module "dynalite" {
  import type { Server } from "node:http";

  interface DynaliteOptions {
    /** How long tables stay CREATING, DELETING, UPDATING. */
    readonly createTableMs?: number;
    readonly deleteTableMs?: number;
    readonly updateTableMs?: number;
  }

  /** A server over a store in memory; closing the server closes the store. */
  const dynalite: (options?: DynaliteOptions) => Server;
  export = dynalite;
}
