/** A log that nobody reads. */

import type { Logger } from "../../src/util/log.ts";

const nothing = () => {};

export const silent: Logger = {
  ...{ error: nothing, warn: nothing, info: nothing, debug: nothing, isEnabled: () => false },
};
