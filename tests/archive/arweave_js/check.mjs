// Usage: node check.mjs URL ID... [items ID...]
// Has arweave-js read transactions from a server and validate everything it can: the transaction's signature, its data
// over the chunks, every chunk's data_path against the data_root and tx_path against the block's tx_root, the blocks.
// Of items in bundles, which nodes know nothing of, it reads the data as from a gateway.
// Prints one line of JSON, an object for each id; what arweave-js threw is in its `error`.

import { createHash } from "node:crypto";
import Arweave from "arweave";
import { validatePath } from "arweave/node/lib/merkle.js";

const [url, ...rest] = process.argv.slice(2);
const divide = rest.indexOf("items");
const ids = divide < 0 ? rest : rest.slice(0, divide);
const items = divide < 0 ? [] : rest.slice(divide + 1);
const { protocol, hostname, port } = new URL(url);
const arweave = Arweave.init({ protocol: protocol.slice(0, -1), host: hostname, port });
const bytes = (text) => arweave.utils.b64UrlToBuffer(text);
const hash = (data) => createHash("sha256").update(data).digest("hex");
const complaints = [];
console.error = (...words) => complaints.push(words.map(String).join(" "));
console.warn = console.error;

async function chunks(tx, offset, size, block) {
  const first = offset - size + 1;
  const blockStart = Number(block.weave_size) - Number(block.block_size);
  let byte = 0;
  let count = 0;
  const whole = [];
  while (byte < size) {
    const { chunk, data_path, tx_path } = await arweave.chunks.getChunk(first + byte);
    const data = await validatePath(bytes(tx.data_root), byte, 0, size, bytes(data_path));
    const inBlock = first + byte - 1 - blockStart;
    const placed = await validatePath(bytes(block.tx_root), inBlock, 0, Number(block.block_size), bytes(tx_path));
    const read = bytes(chunk);
    if (!data || data.leftBound !== byte || data.chunkSize !== read.length) throw new Error(`data_path at ${byte}`);
    if (!placed || placed.leftBound !== first - 1 - blockStart) throw new Error(`tx_path at ${byte}`);
    const leaf = bytes(tx_path).slice(-64, -32);
    if (arweave.utils.bufferTob64Url(leaf) !== tx.data_root) throw new Error("tx_path leads to another data_root");
    if (hash(read) !== Buffer.from(bytes(data_path).slice(-64, -32)).toString("hex")) throw new Error("chunk's hash");
    whole.push(read);
    byte += read.length;
    count += 1;
  }
  return { count, sha256: hash(Buffer.concat(whole)) };
}

async function check(id) {
  try {
    const tx = await arweave.transactions.get(id);
    const { offset, size } = await arweave.chunks.getTransactionOffset(id);
    const status = await arweave.transactions.getStatus(id);
    const block = await arweave.blocks.get(status.confirmed.block_indep_hash);
    const same = await arweave.blocks.getByHeight(status.confirmed.block_height);
    const found = await chunks(tx, Number(offset), Number(size), block);
    const data = await arweave.transactions.getData(id, { decode: true });
    const rebuilt = arweave.transactions.fromRaw({ ...tx.toJSON(), data_root: "", chunks: undefined });
    await rebuilt.prepareChunks(data);
    return {
      id,
      verified: await arweave.transactions.verify(tx),
      size: data.length,
      sha256: hash(data),
      chunks: found.count,
      chunked: found.sha256 === hash(data),
      data_root: rebuilt.data_root === tx.data_root,
      in_block: block.txs.includes(id) && same.indep_hash === block.indep_hash,
      complaints: complaints.splice(0),
    };
  } catch (error) {
    return { id, error: String(error), complaints: complaints.splice(0) };
  }
}

const info = await arweave.network.getInfo();
const current = await arweave.blocks.getCurrent();
const head = { height: info.height, current: current.indep_hash === info.current };
head.anchor = await arweave.transactions.getTransactionAnchor();
const reports = [];
for (const id of ids) reports.push(await check(id));
const read = [];
for (const id of items) {
  const data = await arweave.transactions.getData(id, { decode: true });
  read.push({ id, sha256: hash(Buffer.from(data)) });
}
console.log(JSON.stringify({ head, reports, items: read }));
