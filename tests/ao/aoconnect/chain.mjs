// Checks a process's history from the scheduler's endpoint alone: node chain.mjs BASE [PROCESS...]
// Imports nothing of Everloom. Every item's id and signature, every assignment's nonce and Hash-Chain.
import assert from 'node:assert/strict';
import { constants, createHash, createPublicKey, verify } from 'node:crypto';
import { EthereumSigner } from 'arbundles';

const RSA = { bytes: 512, type: '1' };
const ED25519 = { bytes: 32, type: '2' };
const ETHEREUM = { bytes: 65, type: '3' };
const PAGE = 50;

const hash = (name, ...parts) => parts.reduce((sum, part) => sum.update(part), createHash(name)).digest();
const text = (raw) => Buffer.from(raw).toString('base64url');

function bytes(word, size) {
  const raw = Buffer.from(word, 'base64url');
  assert.equal(text(raw), word, `${word} is not base64url as it is written`);
  if (size !== undefined) assert.equal(raw.length, size);
  return raw;
}

// What is signed (ANS-104, Arweave's deepHash).
function deepHash(value) {
  if (!Array.isArray(value)) return hash('sha384', hash('sha384', `blob${value.length}`), hash('sha384', value));
  const begin = hash('sha384', `list${value.length}`);
  return value.reduce((sum, one) => hash('sha384', sum, deepHash(one)), begin);
}

function long(number) {
  const out = [];
  for (let rest = number * 2; ; rest = Math.floor(rest / 128)) {
    out.push(rest < 128 ? rest : (rest % 128) | 128);
    if (rest < 128) return Buffer.from(out);
  }
}

function avro(tags) {
  if (!tags.length) return Buffer.alloc(0);
  const string = (word) => [long(Buffer.byteLength(word)), Buffer.from(word)];
  const pairs = tags.flatMap(({ name, value }) => [...string(name), ...string(value)]);
  return Buffer.concat([long(tags.length), ...pairs, long(0)]);
}

async function checkItem(item, data) {
  const signature = bytes(item.signature);
  const owner = bytes(item.owner.key);
  const kind = [RSA, ED25519, ETHEREUM].find((one) => one.bytes === owner.length);
  assert.ok(kind, `an owner of ${owner.length} bytes`);
  assert.equal(text(hash('sha256', signature)), item.id);
  assert.equal(text(hash('sha256', owner)), item.owner.address);
  const [target, anchor] = [item.target, item.anchor].map((word) => (word === null ? Buffer.alloc(0) : bytes(word, 32)));
  const parts = ['dataitem', '1', kind.type].map((word) => Buffer.from(word));
  const message = deepHash([...parts, owner, target, anchor, avro(item.tags), Buffer.from(data)]);
  assert.ok(await signed(kind, owner, message, signature), `the signature of ${item.id}`);
}

async function signed(kind, owner, message, signature) {
  if (kind === ETHEREUM) return EthereumSigner.verify(owner, message, signature);
  if (kind === ED25519) {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text(owner) }, format: 'jwk' });
    return verify(null, message, key, signature);
  }
  const key = createPublicKey({ key: { kty: 'RSA', n: text(owner), e: 'AQAB' }, format: 'jwk' });
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
  return verify('sha256', message, { key, ...padding }, signature);
}

const tag = (item, name) => item.tags.find((one) => one.name === name)?.value;

/** Check `edges`, which follow `last` ({id, chain, nonce, time}); null: they begin with the process. */
export async function check(process, edges, last = null) {
  let scheduler = last?.scheduler;
  for (const { cursor, node: { message, assignment } } of edges) {
    await checkItem(message, message.data);
    await checkItem(assignment, '');
    const tags = assignment.tags.map((one) => one.name);
    const wanted = ['Process', 'Epoch', 'Nonce', 'Hash-Chain', 'Block-Height', 'Timestamp', 'Data-Protocol', 'Type', 'Variant'];
    const nonce = last ? last.nonce + 1 : 0;
    assert.deepEqual(tags, nonce ? [...wanted, 'Message'] : wanted);
    if (nonce === 0) {
      assert.equal(message.id, process);
      scheduler = tag(message, 'Scheduler');
    } else {
      assert.equal(tag(assignment, 'Message'), message.id);
      assert.equal(message.target, process);
    }
    const chain = last ? hash('sha256', bytes(last.id, 32), last.chain) : hash('sha256', bytes(process, 32));
    assert.equal(assignment.owner.address, scheduler);
    assert.equal(tag(assignment, 'Process'), process);
    assert.deepEqual([tag(assignment, 'Type'), tag(assignment, 'Epoch')], ['Assignment', '0']);
    assert.equal(tag(assignment, 'Nonce'), String(nonce));
    assert.equal(cursor, String(nonce));
    assert.equal(tag(assignment, 'Hash-Chain'), text(chain));
    assert.match(tag(assignment, 'Block-Height'), /^[0-9]+$/);
    const time = Number(tag(assignment, 'Timestamp'));
    assert.ok(time >= (last ? last.time : 0));
    last = { id: assignment.id, chain, nonce, time, scheduler };
  }
  return last;
}

/** Every edge of a process, page by page. */
export async function* pages(scheduler, process) {
  for (let nonce = null; ; ) {
    const where = nonce === null ? `to-nonce=${PAGE - 1}` : `from-nonce=${nonce}&to-nonce=${nonce + PAGE}`;
    const page = await (await fetch(`${scheduler}/${process}?${where}&limit=1000`)).json();
    if (!page.edges.length) return;
    yield page.edges;
    nonce = (nonce === null ? -1 : nonce) + page.edges.length;
  }
}

if (process.argv[1].endsWith('chain.mjs')) {
  const [base, ...named] = process.argv.slice(2);
  const about = await (await fetch(base)).json();
  const seen = {};
  for (const one of named.length ? named : about.processes.map((each) => each.process)) {
    let last = null;
    for await (const edges of pages(about.doors.scheduler, one)) last = await check(one, edges, last);
    seen[one] = { nonce: last.nonce, chain: text(last.chain), id: last.id };
  }
  console.log(JSON.stringify(seen));
}
