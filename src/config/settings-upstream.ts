/** Settings table, part 2: the DynamoDB behind dynatier and how it is called. */
import { choice, integer, ms, text } from "./setting.ts";

/** An http(s) origin without user, path or query; undefined if it is anything else. */
function originOf(address: string): string | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  const bare = url.pathname === "/" && url.search === "" && url.hash === "";
  return bare && url.username === "" && url.password === "" ? url.origin : undefined;
}

export const UPSTREAM = {
  upstream: text("aws", {
    values: "`aws`, `embedded` or a URL like `http://localhost:8000`",
    normalise: (raw) => (raw === "aws" || raw === "embedded" ? raw : originOf(raw)),
    help:
      "The DynamoDB that is asked on a miss and gets every write: `aws`, the URL of an emulator, VPC " +
      "endpoint or other proxy, or `embedded`, an in-memory emulator inside this process.",
  }),
  region: text("", {
    values: "an AWS Region",
    pattern: /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
    defaultText: "from the AWS environment",
    help:
      "Region of the tables: else `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's in ~/.aws/config. " +
      "For a URL and for `embedded` it falls back to us-east-1.",
  }),
  awsEndpointMode: choice(
    ["regional", "dual-stack", "account"],
    "regional",
    "Which of AWS's host names `upstream: aws` uses: the Region's, the one with IPv6 as well, or the " +
      "account's own (needs `awsAccountId`).",
  ),
  awsAccountId: text(undefined, {
    values: "12 digits",
    pattern: /^\d{12}$/,
    help: "The account in the host name for `awsEndpointMode: account`. In YAML write it in quotes.",
  }),
  requestTimeoutMs: ms(
    10_000,
    [10, 300_000],
    "Deadline of one call, its upstream part and a retry included.",
  ),
  upstreamConnections: integer(128, [1, 10_000], "Sockets to one upstream host."),
  upstreamQueuedMax: integer(
    1024,
    [0, 1_000_000],
    "Calls that may wait for a free upstream socket. Beyond it callers get DynamoDB's throttling error.",
  ),
  schemaRefreshMs: ms(
    60_000,
    [100, 60_000],
    "How often a table's description is read again, so that a table changed behind dynatier's back is " +
      "noticed.",
  ),
};
