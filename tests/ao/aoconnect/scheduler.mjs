// The calls of unmodified aoconnect that look for the scheduler and the Module through GraphQL:
// GRAPHQL_URL=<gateway>graphql node -r ./offline.cjs scheduler.mjs BASE
import assert from 'node:assert/strict';
import { connect, createDataItemSigner } from '@permaweb/aoconnect';
import { tags, wallet } from './wallet.mjs';

const [base] = process.argv.slice(2);
const about = await (await fetch(base)).json();
const [, region] = about.processes.map((one) => one.process);
const { messenger, compute, gateway } = about.doors;
const ao = connect({ MODE: 'legacy', MU_URL: messenger, CU_URL: compute, GATEWAY_URL: gateway });
const signer = createDataItemSigner(wallet());

const slot = await ao.message({
  process: region, signer, tags: tags({ Action: 'Info' }), returnAssignmentSlot: true,
});
assert.ok(Number(slot.slot ?? slot) > 0);
const page = await ao.getMessages({ processId: region, process: region, from: '0', to: String(Date.now() + 1e6) });
assert.ok(page.edges.length > 1);
assert.equal(page.edges[0].node.assignment.tags.find((tag) => tag.name === 'Nonce').value, '0');
const last = await ao.getLastSlot({ processId: region, process: region });
assert.ok(Number(last) >= 0);
const one = await ao.getMessageById({ processId: region, process: region, messageId: page.edges[1].node.message.id, id: page.edges[1].node.message.id });
assert.equal(one.message.id, page.edges[1].node.message.id);
await assert.rejects(() => ao.spawn({ module: 'A'.repeat(43), scheduler: about.scheduler, signer }), /./);

// A mailbox: a process under this world's Module, which keeps what is posted to it.
const box = await ao.spawn({ module: about.module, scheduler: about.scheduler, signer, tags: tags({ Name: 'mailbox' }) });
const posted = await ao.message({ process: box, signer, tags: tags({ Action: 'Anything' }), data: 'for the agent' });
assert.equal((await ao.result({ process: box, message: posted })).Output.data, 'kept');
await assert.rejects(() => ao.message({ process: 'B'.repeat(42) + 'A', signer, tags: [], data: 'to nobody' }), /404/);
console.log(JSON.stringify({ slot, last, messages: page.edges.length, box, posted }));
