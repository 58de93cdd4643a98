// Unmodified aoconnect in mainnet mode, the ANS-104 half of it: node mainnet.mjs BASE
import assert from 'node:assert/strict';
import { connect, createSigner } from '@permaweb/aoconnect';
import { tags, until, wallet } from './wallet.mjs';

const [base] = process.argv.slice(2);
const about = await (await fetch(base)).json();
const [world, ...regions] = about.processes.map((one) => one.process);
const jwk = wallet();
const ao = connect({ MODE: 'mainnet', URL: about.doors.mainnet, signer: createSigner(jwk) });
const send = (process, words, data = ' ') => ao.message({ process, tags: tags(words), data });

const slot = await send(world, { Action: 'Join' });
assert.equal(typeof slot, 'number');
assert.equal((await ao.result({ process: world, slot })).Output.data, 'Join: done');
const info = await ao.dryrun({ process: regions[0], tags: tags({ Action: 'Info' }) });
assert.equal(JSON.parse(info.Output.data).Era, about.era);
const said = await send(regions[0], { Action: 'Info' });
const told = await ao.result({ process: regions[0], slot: said });
assert.equal(JSON.parse(told.Output.data).Era, about.era);
const newest = await until('results', async () => {
  const page = await ao.results({ process: regions[0] });
  return page.edges.length && page;
});
assert.equal(newest.edges.length, 1);
await assert.rejects(() => send(regions[0], { Action: 'Move', X: 1, Y: 1 }));
await assert.rejects(() => ao.spawn({ module: 'A'.repeat(43), tags: [] }));
console.log(JSON.stringify({ slot, said }));
