/** THE error table: every error that this proxy itself may answer, in DynamoDB's own shape. */

const service = "com.amazon.coral.service";
const dynamodb = "com.amazonaws.dynamodb.v20120810";

interface ErrorRow {
  /** What stands before the '#' in __type. */
  readonly namespace: string;
  readonly status: number;
  /** Whether AWS SDKs retry it by themselves. */
  readonly retryable: boolean;
  /** When this proxy answers it. Printed in docs/COMPATIBILITY.md. */
  readonly cause: string;
}

/** Sources: DynamoDB developer guide "Programming.Errors", API reference "CommonErrors". */
export const errorTable = {
  SerializationException: {
    namespace: service,
    status: 400,
    retryable: false,
    cause: "The body is not the JSON object that the operation expects, or names a member twice.",
  },
  UnknownOperationException: {
    namespace: service,
    status: 400,
    retryable: false,
    cause: "X-Amz-Target is missing or names no operation of DynamoDB or DynamoDB Streams.",
  },
  MissingAuthenticationTokenException: {
    namespace: service,
    status: 400,
    retryable: false,
    cause: "`auth: sigv4`: the request is not signed.",
  },
  IncompleteSignatureException: {
    namespace: service,
    status: 400,
    retryable: false,
    cause:
      "`auth: sigv4`: the signature lacks a part, its date or credential cannot be read, or its algorithm is " +
      "not AWS4-HMAC-SHA256.",
  },
  UnrecognizedClientException: {
    namespace: service,
    status: 400,
    retryable: false,
    cause: "`auth: sigv4`: the access key is not in the keys file, or the request carries a session token.",
  },
  InvalidSignatureException: {
    namespace: service,
    status: 400,
    retryable: false,
    cause:
      "The request is scoped to another region than the one this proxy serves. `auth: sigv4`: the signature does " +
      "not match, is more than 15 minutes old or ahead, or leaves out the host or an `x-amz-` header.",
  },
  AccessDeniedException: {
    namespace: dynamodb,
    status: 400,
    retryable: false,
    cause:
      "On loopback: the Host header is not a loopback name, as when a web page was made to call this port.",
  },
  ThrottlingException: {
    namespace: "com.amazon.coral.availability",
    status: 400,
    retryable: true,
    cause:
      "A queue of this proxy is full (requests in flight, waiters for one read, calls waiting for a socket), or " +
      "`writeGuard: require` and Redis cannot warn the other nodes of a write, which was then not sent.",
  },
  InternalServerError: {
    namespace: dynamodb,
    status: 500,
    retryable: true,
    cause: "No answer from DynamoDB to a call that may have been carried out, or a bug in this proxy.",
  },
  ServiceUnavailable: {
    namespace: dynamodb,
    status: 503,
    retryable: true,
    cause:
      "DynamoDB could not be reached, so the call was certainly not carried out; or the proxy is stopping.",
  },
  NotCachedException: {
    namespace: "com.dynatier",
    status: 400,
    retryable: false,
    cause: "The request said only-if-cached, and the answer is not in the cache.",
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorName = keyof typeof errorTable;

/** An expected failure that goes on the wire as it is. A bug is never one of these. */
export class DynamoDbError extends Error {
  override readonly name: ErrorName;
  constructor(name: ErrorName, message: string) {
    super(message);
    this.name = name;
  }
  get status(): number {
    return errorTable[this.name].status;
  }
  /** The reply body. SerializationException spells its message member with a capital, as DynamoDB does. */
  toBody(): Uint8Array {
    const type = `${errorTable[this.name].namespace}#${this.name}`;
    const member = this.name === "SerializationException" ? "Message" : "message";
    return Buffer.from(JSON.stringify({ __type: type, [member]: this.message }));
  }
}

/** The error's bare name in an upstream reply, for example "ConditionalCheckFailedException". */
export function errorNameOf(body: Uint8Array): string | undefined {
  const match = /"__type"\s*:\s*"(?:[^"#]*#)?([A-Za-z0-9]+)/.exec(
    Buffer.from(body.subarray(0, 4096)).toString(),
  );
  if (match) return match[1];
  // A long Item or CancellationReasons member may stand before __type.
  const whole = /"__type"\s*:\s*"(?:[^"#]*#)?([A-Za-z0-9]+)/.exec(Buffer.from(body).toString());
  return whole?.[1];
}
