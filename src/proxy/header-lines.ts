/** Header lines as Node hands them on (IncomingMessage.rawHeaders). */

const lineEndBytes = 2;

/**
 * Name, value, name, value… of header lines in the lane's form: "Name: value", each with its line end.
 * Cut out with two searches a line: who signs is asked for them on every request.
 */
export function rawHeadersOf(lines: string): string[] {
  const headers: string[] = [];
  for (let at = 0, end = 0; at < lines.length; at = end + lineEndBytes) {
    const colon = lines.indexOf(":", at);
    end = lines.indexOf("\r", colon);
    headers.push(lines.slice(at, colon), lines.slice(colon + 2, end));
  }
  return headers;
}
