/**
 * A process that does nothing but be there, with the probe in it: what stops its clock is the machine. `spin`: never sleeps, and
 * so notices everything that takes its core away. Otherwise it sleeps and needs next to nothing, so that it can stand beside the
 * proxy on the same core.
 */

import { announce } from "./servers/announce.ts";

announce("none");
if (process.argv[2] === "spin") {
  const spin = (): void => void setImmediate(spin);
  spin();
}
