/** What stands between an HTTP request and the pipeline when callers must say who they are. */

/** A caller whose key was found and whose signature was right. Policies for tables will ask for it. */
export interface Principal {
  readonly accessKeyId: string;
  /** What the keys file calls it; without a name there, the access key id. */
  readonly name: string;
}

/** The parts of a request that a signature covers, as they came over the wire. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as in the request line. */
  readonly url: string;
  /** Name, value, name, value… in the order received, duplicates included (IncomingMessage.rawHeaders). */
  readonly rawHeaders: readonly string[];
  readonly body: Uint8Array;
}

export interface Authenticator {
  /** @throws DynamoDbError with the name and message that DynamoDB would answer */
  authenticate(request: SignedRequest): Principal;
}
