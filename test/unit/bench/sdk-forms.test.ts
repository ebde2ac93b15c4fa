// The benchmark's requests: what each SDK's form is like, and that they are really signed.

import { describe, expect, it } from "vitest";
import { benchKey, region, Sender, sdkNames } from "../../../bench/sdk-forms.ts";
import { Sigv4Authenticator } from "../../../src/auth/sigv4-authenticator.ts";

const Key = { pk: { S: "kunde#Zoë" }, sk: { S: "profile" } };
const asked = { operation: "GetItem", input: { TableName: "t", Key } };

function parts(bytes: Buffer) {
  const end = bytes.indexOf("\r\n\r\n");
  const [line, ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const rawHeaders = lines.flatMap((one) => [
    one.slice(0, one.indexOf(": ")),
    one.slice(one.indexOf(": ") + 2),
  ]);
  return { line, rawHeaders, body: bytes.subarray(end + 4) };
}

describe("the requests of the benchmark", () => {
  const sender = new Sender("http://127.0.0.1:8100");

  it.each(sdkNames)("%s: the signature is right, the length too, and the input is the same", (sdk) => {
    const { line, rawHeaders, body } = parts(sender.bytes(sdk, asked));
    expect(line).toBe("POST / HTTP/1.1");
    const authenticator = new Sigv4Authenticator({ keys: [benchKey], region });
    const authenticate = (sent: Buffer) =>
      authenticator.authenticate({ method: "POST", url: "/", rawHeaders, body: sent });
    expect(() => authenticate(body)).not.toThrow();
    expect(() => authenticate(Buffer.from("{}"))).toThrow("signature");
    const length = rawHeaders.findIndex((name) => name.toLowerCase() === "content-length");
    expect(Number(rawHeaders[length + 1])).toBe(body.byteLength);
    expect(JSON.parse(body.toString())).toEqual(asked.input);
  });

  it("each SDK writes JSON in its own way", () => {
    const bodies = sdkNames.map((sdk) => parts(sender.bytes(sdk, asked)).body.toString());
    expect(bodies).toEqual([
      '{"TableName":"t","Key":{"pk":{"S":"kunde#Zoë"},"sk":{"S":"profile"}}}',
      '{"TableName": "t", "Key": {"pk": {"S": "kunde#Zo\\u00eb"}, "sk": {"S": "profile"}}}',
      '{"Key":{"pk":{"S":"kunde#Zoë"},"sk":{"S":"profile"}},"TableName":"t"}',
      '{"TableName":"t","Key":{"sk":{"S":"profile"},"pk":{"S":"kunde#Zoë"}}}',
    ]);
  });

  it("headers of our own come last and unsigned", () => {
    const { rawHeaders } = parts(
      sender.bytes("go", { ...asked, more: ["x-dynatier-cache-control: no-cache"] }),
    );
    expect(rawHeaders.slice(-2)).toEqual(["x-dynatier-cache-control", "no-cache"]);
  });
});
