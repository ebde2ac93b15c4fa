/** x-amzn-RequestId for replies that DynamoDB did not see: 52 characters of its alphabet, unique across nodes. */

import { randomBytes } from "node:crypto";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const counterLength = 10;
/** All pairs of letters: the part of an id that changes from one to the next is looked up. */
const pairs = Array.from(alphabet, (first) => Array.from(alphabet, (second) => first + second)).flat();

export function createRequestIds(): () => string {
  // A random part for the process and a counter: no randomness to be fetched on the hot path.
  const prefix = Array.from(randomBytes(52 - counterLength), (byte) => alphabet[byte & 31]).join("");
  let rounds = 0;
  let next = pairs.length;
  let start = "";
  return () => {
    if (next === pairs.length) {
      start = prefix + counterText(rounds);
      rounds += 1;
      next = 0;
    }
    const id = start + pairs[next];
    next += 1;
    return id;
  };
}

/** The counter without its last two letters; 2^40 rounds of 1024 ids are more than a process makes. */
function counterText(count: number): string {
  let text = "";
  for (let left = count; text.length < counterLength - 2; left = Math.floor(left / alphabet.length))
    text = alphabet[left % alphabet.length] + text;
  return text;
}
