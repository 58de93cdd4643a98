// One wallet of unmodified aoconnect, kept in a file: joins a world, later gives an asset away.
// node give.mjs BASE KEYFILE join | node give.mjs BASE KEYFILE give ASSET RECIPIENT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tags, until, wallet } from './wallet.mjs';

// What goes over the wire, to be looked for in the archive: the clients take `fetch` as they find it when they load.
const asked = globalThis.fetch;
let posted;
globalThis.fetch = (where, how) => {
  if (how?.method === 'POST' && how.headers?.['Content-Type'] === 'application/octet-stream') posted = Buffer.from(how.body);
  return asked(where, how);
};
const { connect, createDataItemSigner } = await import('@permaweb/aoconnect');

const [base, file, what, asset, recipient] = process.argv.slice(2);
const about = await (await fetch(base)).json();
const [world, ...regions] = about.processes.map((one) => one.process);
const { messenger, compute, gateway } = about.doors;
const ao = connect({ MODE: 'legacy', MU_URL: messenger, CU_URL: compute, GATEWAY_URL: gateway });
if (!existsSync(file)) writeFileSync(file, JSON.stringify(wallet()));
const jwk = JSON.parse(readFileSync(file));
const signer = createDataItemSigner(jwk);
const address = createHash('sha256').update(Buffer.from(jwk.n, 'base64url')).digest('base64url');
const ask = (process, words) => ao.dryrun({ process, tags: tags(words), Owner: address });

async function body() {
  for (const region of regions) {
    const told = await ask(region, { Action: 'Inventory' });
    if (!told.Error) return { region, ...JSON.parse(told.Output.data) };
  }
}

if (what === 'join') {
  const message = await ao.message({ process: world, signer, tags: tags({ Action: 'Join' }) });
  assert.equal((await ao.result({ process: world, message })).Output.data, 'Join: done');
  const { region, Next } = await until('a body', body);
  const woken = await ao.message({ process: region, signer, tags: tags({ Action: 'Join', Number: Next }) });
  assert.equal((await ao.result({ process: region, message: woken })).Output.data, 'Join: done');
  console.log(JSON.stringify({ address, ...(await body()) }));
} else {
  const { region, Next } = await body();
  const holder = await ask(region, { Action: 'Holder', Asset: asset });
  assert.equal(holder.Output.data, address);
  const words = { Action: 'Give', Recipient: recipient, Asset: asset, Number: Next };
  const message = await ao.message({ process: region, signer, tags: tags(words) });
  const result = await ao.result({ process: region, message });
  const after = await ask(region, { Action: 'Holder', Asset: asset });
  const told = { region, message, result, number: Next, holder: after.Output.data };
  console.log(JSON.stringify({ ...told, posted: posted.toString('base64') }));
}
