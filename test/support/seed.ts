// With FAST_CHECK_SEED, every property test draws the same cases again: CI says the same of the same commit.

import fc from "fast-check";

const seed = process.env.FAST_CHECK_SEED;
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
