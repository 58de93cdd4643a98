// A Colyseus server of openworld-v1: one room, a StateView per client. `node colyseus.mjs PORT PLAYERS`
import { createServer } from 'node:http';
import { Server, Room } from '@colyseus/core';
import { WebSocketTransport } from '@colyseus/ws-transport';
import { schema, t, StateView } from '@colyseus/schema';
import { Grid, TICK_MS, drawn, side, walk } from './world.mjs';

const [port, players] = process.argv.slice(2).map(Number);
const length = side(players), LOOK_TICKS = 5; // who is visible may be 250 ms old
const Player = schema({ x: t.float32(), y: t.float32(), ack: t.uint32() }, 'Player');
const State = schema({ players: t.map(Player).view() }, 'State');

class Open extends Room {
  onCreate() {
    this.maxClients = players + 100;
    this.autoDispose = false;
    this.patchRate = TICK_MS;
    this.maxMessagesPerSecond = 1000;
    this.setState(new State());
    this.random = drawn(12345);
    this.grid = new Grid(length);
    this.bodies = new Map();
    this.ticks = 0;
    this.onMessageBytes('i', (client, raw) => {
      const body = this.bodies.get(client.sessionId);
      if (!body || raw.length !== 5) return;
      body.seq = raw[0] | (raw[1] << 8) | (raw[2] << 16) | (raw[3] << 24);
      body.way = raw[4];
    });
    this.setSimulationInterval(() => this.tick(), TICK_MS);
  }
  onJoin(client) {
    const shown = new Player();
    const body = { x: this.random() * length, y: this.random() * length, way: 255, seq: 0, shown, client, seen: new Set() };
    shown.x = body.x; shown.y = body.y; shown.ack = 0;
    this.state.players.set(client.sessionId, shown);
    client.view = new StateView();
    this.bodies.set(client.sessionId, body);
    client.view.add(shown); body.seen.add(body);
  }
  onLeave(client) { this.bodies.delete(client.sessionId); this.state.players.delete(client.sessionId); }
  tick() {
    for (const body of this.bodies.values()) {
      walk(body, length);
      body.shown.x = body.x; body.shown.y = body.y; body.shown.ack = body.seq;
    }
    this.grid.fill(this.bodies.values());
    let place = 0;
    for (const body of this.bodies.values()) if ((place++ + this.ticks) % LOOK_TICKS === 0) this.look(body);
    this.ticks++;
  }
  look(body) {
    const now = new Set(this.grid.near(body));
    for (const one of now) if (!body.seen.has(one)) body.client.view.add(one.shown);
    for (const one of body.seen) if (!now.has(one)) body.client.view.remove(one.shown);
    body.seen = now;
  }
}

const server = new Server({ transport: new WebSocketTransport({ server: createServer() }), greet: false });
server.define('open', Open);
await server.listen(port, '127.0.0.1');
console.log(JSON.stringify({ listening: port, pid: process.pid }));
