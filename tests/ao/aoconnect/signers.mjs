// Wallets other than Arweave's: items that arbundles makes, posted as they are: node signers.mjs BASE
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { EthereumSigner, SolanaSigner, createData } from 'arbundles';
import base58 from 'bs58';
import { computeAddress } from '@ethersproject/transactions';
import { connect } from '@permaweb/aoconnect';
import { tags, until } from './wallet.mjs';

const [base] = process.argv.slice(2);
const about = await (await fetch(base)).json();
const [world, ...regions] = about.processes.map((one) => one.process);
const { messenger, compute, gateway } = about.doors;
const ao = connect({ MODE: 'legacy', MU_URL: messenger, CU_URL: compute, GATEWAY_URL: gateway });
const AO = { 'Data-Protocol': 'ao', Type: 'Message', Variant: 'ao.TN.1' };

function ed25519() {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { d, x } = privateKey.export({ format: 'jwk' });
  return new SolanaSigner(base58.encode(Buffer.concat([d, x].map((word) => Buffer.from(word, 'base64url')))));
}

async function send(signer, target, words, data = ' ') {
  const item = createData(data, signer, { target, tags: tags({ ...words, ...AO }) });
  await item.sign(signer);
  const answer = await fetch(messenger, { method: 'POST', body: item.getRaw() });
  assert.equal(answer.status, 202, await answer.text());
  return ao.result({ process: target, message: item.id });
}

async function live(signer, address) {
  assert.equal((await send(signer, world, { Action: 'Join' })).Output.data, 'Join: done');
  const told = await until('a body', async () => {
    for (const region of regions) {
      const words = await ao.dryrun({ process: region, tags: tags({ Action: 'Inventory' }), Owner: address });
      if (!words.Error) return { region, ...JSON.parse(words.Output.data) };
    }
  });
  const woken = await send(signer, told.region, { Action: 'Join', Number: told.Next });
  assert.equal(woken.Output.data, 'Join: done');
  const info = await send(signer, told.region, { Action: 'Info' });
  assert.equal(info.Messages[0].Target, address);
  assert.equal(JSON.parse(info.Output.data).Entity, told.Entity);
  const balances = await send(signer, told.region, { Action: 'Balances' });
  assert.equal(JSON.parse(balances.Output.data)[address], '0');
  const said = await send(signer, told.region, { Action: 'Say' }, `I am ${address}`);
  assert.equal(said.Output.data, 'Say: done');
  return { address, region: told.region, entity: told.Entity };
}

const ethereum = new EthereumSigner(randomBytes(32).toString('hex'));
const curve = ed25519();
assert.equal(curve.signatureType, 2);
const named = createHash('sha256').update(curve.publicKey).digest('base64url');
const seen = {
  ethereum: await live(ethereum, computeAddress(ethereum.publicKey)),
  ed25519: await live(curve, named),
};
assert.match(seen.ethereum.address, /^0x[0-9a-fA-F]{40}$/);
console.log(JSON.stringify(seen));
