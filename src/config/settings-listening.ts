/** Settings table, part 1: where dynatier listens, who may call it, and how a connection lives and ends. */
import { choice, flag, integer, ms, notBuilt, text } from "./setting.ts";

const HOST = "a host name or an IP address";
const HOST_PATTERN = /^[A-Za-z0-9._:%-]{1,253}$/;
const FILE = "the path of a PEM file";

export const LISTENING = {
  host: text("127.0.0.1", {
    values: HOST,
    pattern: HOST_PATTERN,
    help:
      "Address of the DynamoDB endpoint. On loopback only this machine can call it; any other address " +
      "needs `auth: sigv4` or `insecure: true`.",
  }),
  port: integer(8100, [0, 65_535], "Port of the DynamoDB endpoint. 0 takes any free port."),
  insecure: flag(
    false,
    "Allows an address other than loopback with `auth: none`: whoever reaches " +
      "the port reads and writes with dynatier's own AWS permissions.",
  ),
  adminHost: text("127.0.0.1", {
    values: HOST,
    pattern: HOST_PATTERN,
    help: "Address of the admin endpoint. Any address other than loopback needs `adminToken`.",
  }),
  adminPort: integer(
    8180,
    [0, 65_535],
    "Port of the admin endpoint: metrics, health, status and the invalidation API. 0 takes any free port.",
  ),
  adminToken: text(undefined, {
    values: "at least 16 visible ASCII characters without spaces",
    pattern: /^[!-~]{16,1024}$/,
    secret: true,
    help:
      "What callers of the admin endpoint show as `authorization: Bearer …`. Prefer the environment or " +
      "the file: other users of the machine can see flags.",
  }),
  tlsCert: text(undefined, {
    values: FILE,
    help: "Certificate chain of the DynamoDB endpoint, which then speaks HTTPS. Needs `tlsKey`.",
  }),
  tlsKey: text(undefined, { values: FILE, help: "Private key that belongs to `tlsCert`." }),
  tlsClientCa: text(undefined, {
    values: FILE,
    help: "Certificate authority of the clients: with it, a caller must show a certificate that it signed.",
  }),
  fastLane: flag(
    true,
    "Answers the requests that SDKs send on a short way in front of the HTTP server: not far from twice as many " +
      "for each core. Everything else takes the HTTP server's way in any case; `false` sends all requests there.",
  ),
  keepAliveMs: ms(
    125_000,
    [1000, 3_600_000],
    "How long an idle connection of a client stays open. It must be longer than clients keep idle " +
      "sockets (SDK for Java 60 s, for Go 90 s, curl and so PHP 118 s), or a request may meet a closing " +
      "socket.",
  ),
  drainMs: ms(
    10_000,
    [0, 600_000],
    "How long a stopping dynatier waits for requests that are under way before it closes their connections.",
  ),
  auth: choice(
    ["none", "sigv4"],
    "none",
    "`sigv4` checks the signature of every request with the keys in `keys`; `none` takes every caller for " +
      "entitled.",
  ),
  keys: text(undefined, {
    values: "the path of a keys file",
    help:
      "The access keys that `auth: sigv4` knows, in a YAML file: a list of `accessKeyId`, `secretAccessKey` and, " +
      "if wanted, `name`. Read again on SIGHUP.",
  }),
  daxPort: notBuilt(integer(0, [0, 65_535], "Port of the DAX binary endpoint. 0 = off.")),
  daxAdvertise: notBuilt(
    text(undefined, {
      values: "host:port",
      defaultText: "the listening address",
      help: "The address that `endpoints` names to DAX clients.",
    }),
  ),
};
