/** x-amzn-RequestId for replies that DynamoDB did not see: 52 characters of its alphabet, unique across nodes. */

import { randomBytes } from "node:crypto";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const counterLength = 10;

export function createRequestIds(): () => string {
  // A random part for the process and a counter: no randomness to be fetched on the hot path.
  const prefix = Array.from(randomBytes(52 - counterLength), (byte) => alphabet[byte & 31]).join("");
  let next = 0;
  return () => {
    next += 1;
    return prefix + next.toString(36).toUpperCase().padStart(counterLength, "A");
  };
}
