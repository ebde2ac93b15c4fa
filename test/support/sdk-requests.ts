// Requests as the SDKs of four languages write them, header by header.

const signature = "0123456789abcdef".repeat(4);
const authorization =
  "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/dynamodb/aws4_request, " +
  `SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=${signature}`;
const target = "DynamoDB_20120810.GetItem";
const type = "application/x-amz-json-1.0";
const id = "b4a5b6c7-0000-4000-8000-1234567890ab";
const date = "20260101T000000Z";

/** Header lines in the order and the capitals of each SDK; LENGTH stands for the body's length. */
export const sdks: Readonly<Record<string, readonly string[]>> = {
  javascript: [
    "x-amz-user-agent: aws-sdk-js/3.1164.0",
    "user-agent: aws-sdk-js/3.1164.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#26.1.0 api/dynamodb#3.1164.0 m/E,g",
    `content-type: ${type}`,
    `x-amz-target: ${target}`,
    `amz-sdk-invocation-id: ${id}`,
    "amz-sdk-request: attempt=1; max=3",
    `x-amz-date: ${date}`,
    `x-amz-content-sha256: ${signature}`,
    `authorization: ${authorization}`,
    "host: 127.0.0.1:8100",
    "content-length: LENGTH",
    "Connection: keep-alive",
  ],
  python: [
    "Host: localhost:8100",
    "Accept-Encoding: identity",
    `X-Amz-Target: ${target}`,
    `Content-Type: ${type}`,
    "User-Agent: Boto3/1.43.1 md/Botocore#1.43.1 ua/2.1 os/linux#6.1 lang/python#3.13 cfg/retry-mode#legacy",
    `X-Amz-Date: ${date}`,
    `Authorization: ${authorization}`,
    `amz-sdk-invocation-id: ${id}`,
    "amz-sdk-request: attempt=1",
    "Content-Length: LENGTH",
  ],
  go: [
    "Host: 127.0.0.1:8100",
    "User-Agent: aws-sdk-go-v2/1.41.0 ua/2.1 os/linux lang/go#1.26 md/GOOS#linux md/GOARCH#amd64 api/dynamodb",
    "Content-Length: LENGTH",
    "Accept-Encoding: identity",
    `Amz-Sdk-Invocation-Id: ${id}`,
    "Amz-Sdk-Request: attempt=1; max=3",
    `Authorization: ${authorization}`,
    `Content-Type: ${type}`,
    `X-Amz-Date: ${date}`,
    `X-Amz-Target: ${target}`,
  ],
  java: [
    `amz-sdk-invocation-id: ${id}`,
    "amz-sdk-request: attempt=1; max=4",
    `Authorization: ${authorization}`,
    `Content-Type: ${type}`,
    "User-Agent: aws-sdk-java/2.40.0 ua/2.1 api/DynamoDB#2.40.0 os/Linux#6.1 lang/java#21.0.5 md/OpenJDK_64-Bit",
    `X-Amz-Date: ${date}`,
    `x-amz-target: ${target}`,
    "Content-Length: LENGTH",
    "Host: 127.0.0.1:8100",
    "Connection: Keep-Alive",
  ],
};

/** One request: header lines without line ends, and a body. */
export interface Request {
  line: string;
  headers: string[];
  body: string;
}

export function requestOf(sdk: string, body: string): Request {
  const length = String(Buffer.byteLength(body));
  const headers = sdks[sdk]!.map((line) => line.replace("LENGTH", length));
  return { line: "POST / HTTP/1.1", headers, body };
}

export function bytesOf({ line, headers, body }: Request): Buffer {
  return Buffer.concat([
    Buffer.from(`${[line, ...headers].join("\r\n")}\r\n\r\n`, "latin1"),
    Buffer.from(body),
  ]);
}
