import { it } from "vitest";
import { useBench } from "../support/bench.ts";
const bench = useBench();
it("x", async () => {
  const TableName = await bench.table();
  const body = JSON.stringify({ TableName, Item: { pk: { S: "1" }, v: { S: "new" } } });
  const bodies: Record<string, Buffer> = {
    trailing: Buffer.from(body + " garbage"),
    trailing2: Buffer.from(body + "{}"),
    bom: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(body)]),
    utf16: Buffer.from(body, "utf16le"),
    utf16be: Buffer.from(body, "utf16le").swap16(),
    invalid: Buffer.concat([Buffer.from(body.slice(0, -5)), Buffer.from([0xff]), Buffer.from(body.slice(-5))]),
    invalid2: Buffer.concat([Buffer.from(body.slice(0, -5)), Buffer.from([0xc0, 0x80]), Buffer.from(body.slice(-5))]),
    surrogate: Buffer.concat([Buffer.from(body.slice(0, -5)), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from(body.slice(-5))]),
    loneEscape: Buffer.from(body.slice(0, -5) + "\\ud800" + body.slice(-5)),
    control: Buffer.from(body.slice(0, -5) + "\n" + body.slice(-5)),
    leadingZero: Buffer.from(body.slice(0, -1) + ',"x":01}'),
    nan: Buffer.from(body.slice(0, -1) + ',"x":NaN}'),
    comment: Buffer.from(body.slice(0, -1) + '/* */}'),
    single: Buffer.from(body.replaceAll('"', "'")),
    comma: Buffer.from(body.slice(0, -1) + ',}'),
  };
  for (const [name, bytes] of Object.entries(bodies)) {
    await bench.d("PutItem", { TableName, Item: { pk: { S: "1" }, v: { S: "old" } } });
    const control = { headers: { "x-dynatier-cache-control": "no-cache" } };
    await bench.p("GetItem", { TableName, Key: { pk: { S: "1" } } }, control);
    const r = await bench.P("PutItem", bytes as never);
    const after = await bench.p("GetItem", { TableName, Key: { pk: { S: "1" } } });
    const real = await bench.d("GetItem", { TableName, Key: { pk: { S: "1" } }, ConsistentRead: true });
    console.log("PROBE", name, r.status, r.bytes.toString().slice(0, 90), "|", JSON.stringify(after.body), after.bytes.equals(real.bytes) ? "same" : "STALE " + real.bytes.toString(), r.headers["x-dynatier-cache"]);
  }
});
