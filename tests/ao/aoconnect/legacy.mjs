// Unmodified aoconnect in legacy mode against a world's AO door: node legacy.mjs BASE RECIPIENT
// Prints one JSON object with what it saw; any difference from what AO clients expect throws.
import assert from 'node:assert/strict';
import { connect, createDataItemSigner } from '@permaweb/aoconnect';
import { tags, until, wallet } from './wallet.mjs';

const [base] = process.argv.slice(2);
const about = await (await fetch(base)).json();
const [world, ...regions] = about.processes.map((one) => one.process);
const { messenger, compute, gateway, scheduler } = about.doors;
const ao = connect({ MODE: 'legacy', MU_URL: messenger, CU_URL: compute, GATEWAY_URL: gateway });
const jwk = wallet();
const signer = createDataItemSigner(jwk);
const address = await addressOf(jwk);
const seen = { address, world };

async function addressOf(key) {
  const { createHash } = await import('node:crypto');
  return createHash('sha256').update(Buffer.from(key.n, 'base64url')).digest('base64url');
}
const send = (process, words, data) => ao.message({ process, signer, tags: tags(words), data });
const ask = (process, words) => ao.dryrun({ process, tags: tags(words), Owner: address });
const next = async (process) => JSON.parse((await ask(process, { Action: 'Inventory' })).Output.data).Next;

// A body: born by the world's own process, then somewhere asleep.
const join = await send(world, { Action: 'Join' });
assert.equal((await ao.result({ process: world, message: join })).Output.data, 'Join: done');
const home = await until('a region has the body', async () => {
  for (const region of regions) {
    const told = await ask(region, { Action: 'Inventory' });
    if (!told.Error) return region;
  }
});
seen.home = home;
assert.equal(JSON.parse((await ask(home, { Action: 'Inventory' })).Output.data).Asleep, true);
const woken = await send(home, { Action: 'Join', Number: await next(home) });
assert.equal((await ao.result({ process: home, message: woken })).Output.data, 'Join: done');
assert.equal(JSON.parse((await ask(home, { Action: 'Inventory' })).Output.data).Asleep, false);

// Reads by message: their replies stand in records.
for (const action of ['Info', 'Balance', 'Balances', 'Inventory', 'Chronicle']) {
  const told = await ao.result({ process: home, message: await send(home, { Action: action }) });
  assert.equal(told.Error, undefined);
  assert.equal(told.Messages[0].Target, address);
  assert.equal(told.Messages[0].Tags.find((tag) => tag.name === 'Action').value, `${action}-Notice`);
}
const balance = await ask(home, { Action: 'Balance' });
assert.equal(balance.Output.data, '0');
assert.equal(balance.Messages[0].Tags.find((tag) => tag.name === 'Ticker').value, 'COIN');

// Acts.
seen.moved = await send(home, { Action: 'Move', X: 0, Y: 0, Number: await next(home) });
seen.said = await send(home, { Action: 'Say' }, 'hello from aoconnect');
assert.equal((await ao.result({ process: home, message: seen.said })).Output.data, 'Say: done');
await assert.rejects(() => send(home, { Action: 'Move', X: 1, Y: 1 }), /400.*Number/);
await assert.rejects(() => send(home, { Action: 'Move', X: 1, Y: 1, Number: '1.1' }), /409.*next/);
await assert.rejects(() => send(home, { Action: 'Move', X: 1, Y: 1, Number: '7.9' }), /400.*era/);
await assert.rejects(() => send(home, { Action: 'Rob' }), /400.*none of/);
const poor = await send(home, { Action: 'Give', Recipient: address, Quantity: 5, Number: await next(home) });
assert.match((await ao.result({ process: home, message: poor })).Error, /Give/);

// A signed item kept, then sent twice.
const kept = await ao.signMessage({ process: home, signer, tags: tags({ Action: 'Say' }), data: 'kept' });
seen.kept = await ao.sendSignedMessage(kept);
await assert.rejects(() => ao.sendSignedMessage(kept), /409.*taken already/);

// Results, both orders, pages that never part a record.
const all = await until('all results', async () => {
  const page = await ao.results({ process: home, limit: 1000 });
  const ordinates = page.edges.map((edge) => Number(JSON.parse(Buffer.from(edge.cursor, 'base64')).ordinate));
  assert.deepEqual(ordinates, [...ordinates].sort((a, b) => a - b));
  const texts = page.edges.map((edge) => edge.node.Output?.data);
  return texts.filter((text) => text === 'Say: done').length === 2 && page.edges;
});
const pages = [];
let from;
for (;;) {
  const page = await ao.results({ process: home, limit: 3, from });
  if (!page.edges.length) break;
  pages.push(...page.edges.map((edge) => edge.cursor));
  from = page.edges.at(-1).cursor;
}
assert.deepEqual(pages.slice(0, all.length), all.map((edge) => edge.cursor));
assert.equal(new Set(pages).size, pages.length);
const newest = await ao.results({ process: home, sort: 'DESC', limit: 2 });
assert.ok(newest.edges.length >= 2);
const older = await ao.results({ process: home, sort: 'DESC', limit: 2, from: newest.edges.at(-1).cursor });
const ordinate = (edge) => Number(JSON.parse(Buffer.from(edge.cursor, 'base64')).ordinate);
assert.ok(ordinate(older.edges[0]) < ordinate(newest.edges.at(-1)));

// The rest of the client.
assert.equal(typeof (await ao.monitor({ process: home, signer })), 'string');
assert.equal(typeof (await ao.unmonitor({ process: home, signer })), 'string');
seen.assignment = await ao.assign({ process: home, message: seen.said });
const shown = await (await fetch(`${scheduler}/${seen.said}?process-id=${home}`)).json();
assert.equal(shown.message.id, seen.said);
assert.equal(shown.assignment.id, seen.assignment);
assert.equal(shown.message.data, 'hello from aoconnect');
seen.nonce = Number(shown.assignment.tags.find((tag) => tag.name === 'Nonce').value);
console.log(JSON.stringify(seen));
