/** The moment a request was signed: its two spellings, and the window in which it counts. */

import { formatTime } from "../sigv4/signing-date.ts";
import { echo, incomplete, invalid } from "./refusals.ts";

/** How far a signature's time may lie from ours, either way (IAM user guide: "within 15 minutes"). */
export const signingWindowMinutes = 15;
const windowMs = signingWindowMinutes * 60_000;

const basicForm = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
/** The Date header's usual form (RFC 9110, 5.6.7). */
const httpForm = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

export interface SigningTime {
  /** As it stands in the string to sign: "20260101T120000Z". */
  readonly text: string;
  readonly atMs: number;
}

/**
 * Reads X-Amz-Date, or where there is none Date, which may also be an HTTP date.
 * @throws IncompleteSignatureException if it is no date
 */
export function parseSigningTime(text: string): SigningTime {
  const basic = basicForm.exec(text);
  if (basic !== null) {
    const [, year, month, day, hour, minute, second] = basic;
    const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
    if (!Number.isNaN(atMs)) return { text, atMs };
  } else if (httpForm.test(text)) {
    const atMs = Date.parse(text);
    if (!Number.isNaN(atMs)) return { text: formatTime(atMs), atMs };
  }
  throw incomplete(
    `Date must be in ISO-8601 'basic format'. Got '${echo(text)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
  );
}

/**
 * @param nowMs our wall clock
 * @param expiresSeconds a presigned request's own bound; it can shorten the window, not lengthen it
 * @throws InvalidSignatureException naming both times
 */
export function checkSigningTime({ text, atMs }: SigningTime, nowMs: number, expiresSeconds?: number): void {
  const validMs = Math.min(windowMs, (expiresSeconds ?? Number.POSITIVE_INFINITY) * 1000);
  if (atMs < nowMs - validMs) {
    const bound = validMs === windowMs ? `${signingWindowMinutes} min.` : `${expiresSeconds} s.`;
    throw invalid(
      `Signature expired: ${text} is now earlier than ${formatTime(nowMs - validMs)} ` +
        `(${formatTime(nowMs)} - ${bound})`,
    );
  }
  if (atMs > nowMs + windowMs) {
    const latest = formatTime(nowMs + windowMs);
    throw invalid(
      `Signature not yet current: ${text} is still later than ${latest} ` +
        `(${formatTime(nowMs)} + ${signingWindowMinutes} min.)`,
    );
  }
}
