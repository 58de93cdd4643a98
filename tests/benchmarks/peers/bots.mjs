// Bots of openworld-v1 that decode nothing: `node bots.mjs colyseus|nengi PORT PLAYERS WARM_UP_S SECONDS`
import { createRequire } from 'node:module';
import WebSocket from 'ws';
import { DIRECTIONS, drawn } from './world.mjs';

const [kind, ...numbers] = process.argv.slice(2);
const [port, players, warmUp, seconds] = numbers.map(Number);
const require = createRequire(import.meta.url);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let measuring = false, bytes = 0;
const gaps = [];

class Bot {
  constructor(number) { this.random = drawn(12345 + number); this.way = Math.floor(this.random() * DIRECTIONS); this.seq = 0; this.frames = 0; this.at = 0; }
  got(size, isFrame) {
    if (!measuring) { this.at = 0; return; }
    bytes += size + (size < 126 ? 2 : size < 65536 ? 4 : 10);
    if (!isFrame) return;
    const now = performance.now();
    if (this.at) gaps.push(now - this.at);
    this.at = now;
    this.frames++;
  }
  act() {
    if (this.socket?.readyState !== 1 || !this.ready) return;
    if (this.random() < 0.1) this.way = Math.floor(this.random() * DIRECTIONS);
    this.say(++this.seq, this.way);
  }
}

class Colyseus extends Bot {
  async join() {
    const asked = await fetch(`http://127.0.0.1:${port}/matchmake/joinOrCreate/open`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
    const seat = await asked.json(), room = seat.room ?? seat;
    if (!seat.sessionId) throw new Error(JSON.stringify(seat));
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/${room.processId}/${room.roomId}?sessionId=${seat.sessionId}`, { perMessageDeflate: false });
    this.socket.on('message', (raw) => {
      if (raw[0] === 10) { this.socket.send(Buffer.from([10])); this.ready = true; }
      this.got(raw.length, (raw[0] & 31) === 15 || (raw[0] & 31) === 14);
    });
    this.socket.on('error', (error) => { this.lost = String(error); });
  }
  say(seq, way) { // ROOM_DATA_BYTES, the type as a short string, five bytes of meaning
    const raw = Buffer.alloc(8);
    raw[0] = 17; raw[1] = 0xa1; raw[2] = 0x69;
    raw.writeUInt32LE(seq, 3); raw[7] = way;
    this.socket.send(raw);
  }
}

class Nengi extends Bot {
  async join() {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    this.socket.on('open', () => this.socket.send(Nengi.handshake({}).byteArray));
    this.socket.on('message', (raw) => { this.ready = true; this.got(raw.length, true); });
    this.socket.on('error', (error) => { this.lost = String(error); });
  }
  say(seq, way) {
    const input = new Nengi.Input(seq, way);
    input[Nengi.config.TYPE_PROPERTY_NAME] = Nengi.index;
    this.socket.send(Nengi.command(seq, [input]).byteArray);
  }
  static begin() {
    const made = require('./nengi_protocol.cjs'), load = require('esm')(module_());
    Nengi.config = made.config; Nengi.Input = made.Input;
    Nengi.handshake = load('nengi/core/snapshot/writer/createHandshakeBuffer').default;
    Nengi.command = load('nengi/core/snapshot/writer/createCommandBuffer').default;
    const ProtocolMap = load('nengi/core/protocol/ProtocolMap').default, meta = load('nengi/core/common/metaConfig').default;
    const map = new ProtocolMap(made.config, meta);
    Nengi.index = map.getIndex(new Nengi.Input(0, 0).protocol);
  }
}
function module_() { const Module = require('node:module'); const made = new Module(import.meta.filename); made.filename = import.meta.filename; made.paths = Module._nodeModulePaths(import.meta.dirname); return made; }

if (kind === 'nengi') Nengi.begin();
const bots = Array.from({ length: players }, (_, number) => new (kind === 'nengi' ? Nengi : Colyseus)(number));
for (const bot of bots) { await bot.join(); await sleep(10); }
let at = 0, due = performance.now();
setInterval(() => {
  for (const now = performance.now(); due <= now; due += 100 / players) bots[at++ % players].act();
}, 2);
await sleep(500);
console.log(JSON.stringify({ ready: bots.filter((one) => one.ready).length, lost: bots.map((one) => one.lost).filter(Boolean).slice(0, 3) }));
await new Promise((go) => process.stdin.once('data', go));
await sleep(warmUp * 1000);
const before = process.cpuUsage(), began = performance.now();
measuring = true;
await sleep(seconds * 1000);
measuring = false;
const took = (performance.now() - began) / 1000, spent = process.cpuUsage(before);
const frames = bots.map((one) => one.frames / took).sort((a, b) => a - b);
gaps.sort((a, b) => a - b);
console.log(JSON.stringify({
  bots: players, seconds: took, down_bytes_s_client: bytes / took / players, frames_s_p50: frames[players >> 1], frames_s_min: frames[0],
  gap_ms_p50: gaps[gaps.length >> 1], gap_ms_p99: gaps[Math.floor(gaps.length * 0.99)], bots_cpu_percent: (spent.user + spent.system) / 1e4 / took,
}));
process.exit(0);
