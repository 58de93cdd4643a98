// Usage: node check.mjs FILE...
// Has arbundles, the reference implementation of ANS-104, read and verify data items and bundles.
// Prints one line of JSON: for each file its kind, arbundles' verdict, and every item as arbundles reads it.

import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { Bundle, DataItem } from "arbundles";

function fields(item) {
  return {
    id: item.id,
    signature_type: item.signatureType,
    owner: createHash("sha256").update(item.rawOwner).digest("base64url"),
    target: item.target,
    anchor: item.rawAnchor.toString("base64url"),
    tags: item.tags.map(({ name, value }) => [name, value]),
    data_sha256: createHash("sha256").update(item.rawData).digest("hex"),
  };
}

async function check(file) {
  const raw = readFileSync(file);
  const isBundle = raw.subarray(2, 32).every((byte) => byte === 0);
  const report = { file, kind: isBundle ? "bundle" : "item" };
  try {
    const items = isBundle ? new Bundle(raw).items : [new DataItem(raw)];
    const verdicts = await Promise.all(items.map((item) => item.isValid()));
    const whole = isBundle ? await new Bundle(raw).verify() : true;
    return { ...report, valid: whole && verdicts.every(Boolean), items: items.map(fields) };
  } catch (error) {
    return { ...report, valid: false, error: String(error) };
  }
}

const reports = [];
for (const file of process.argv.slice(2)) reports.push(await check(file));
console.log(JSON.stringify(reports));
