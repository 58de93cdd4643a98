// A nengi server of openworld-v1: one instance, a square view per client. `node nengi.mjs PORT PLAYERS`
import { createRequire } from 'node:module';
import { TICK_MS, HALF, drawn, side, walk } from './world.mjs';

const { nengi, config, Player } = createRequire(import.meta.url)('./nengi_protocol.cjs');
const [port, players] = process.argv.slice(2).map(Number);
const length = side(players), random = drawn(12345);
const instance = new nengi.Instance(config, { port });
const bodies = new Set();

instance.onConnect((client, data, callback) => {
  const body = new Player(random() * length, random() * length);
  body.way = 255; body.seq = 0;
  instance.addEntity(body);
  client.body = body;
  client.view = { x: body.x, y: body.y, halfWidth: HALF, halfHeight: HALF };
  bodies.add(client);
  callback({ accepted: true, text: '' });
});
instance.onDisconnect((client) => { bodies.delete(client); instance.removeEntity(client.body); });

setInterval(() => {
  for (let said = instance.getNextCommand(); said; said = instance.getNextCommand())
    for (const one of said.commands) { said.client.body.way = one.way; said.client.body.seq = one.seq; }
  for (const client of bodies) {
    walk(client.body, length);
    client.view.x = client.body.x; client.view.y = client.body.y;
  }
  instance.update();
}, TICK_MS);
console.log(JSON.stringify({ listening: port, pid: process.pid }));
