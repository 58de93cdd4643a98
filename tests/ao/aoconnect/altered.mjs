// Alters what a scheduler shows, one letter at a time, and asks of the checker that it finds each: node altered.mjs BASE PROCESS
import assert from 'node:assert/strict';
import { check, pages } from './chain.mjs';

const [base, process_] = process.argv.slice(2);
const about = await (await fetch(base)).json();
const edges = (await pages(about.doors.scheduler, process_).next()).value;
assert.ok(edges.length > 3);
let last = null;
let altered = 0;

function* leaves(value, path = []) {
  if (typeof value === 'string' || value === null) yield path;
  else for (const [name, inner] of Object.entries(value)) yield* leaves(inner, [...path, name]);
}

// Another letter of base64url, so that only its meaning changes.
const other = (letter) => (letter === 'A' ? 'B' : 'A');

for (const [at, edge] of edges.entries()) {
  if (at > 0 && at < edges.length - 4) {
    last = await check(process_, [edge], last);
    continue;
  }
  for (const path of leaves(edge)) {
    const whole = path.reduce((value, name) => value[name], edge);
    const places = whole ? [0, whole.length - 1, Math.floor(whole.length / 2)] : [0];
    for (const place of new Set(places)) {
      const copy = structuredClone(edge);
      const holder = path.slice(0, -1).reduce((value, name) => value[name], copy);
      const name = path.at(-1);
      const letter = whole?.[place] ?? '';
      holder[name] = `${(whole ?? '').slice(0, place)}${other(letter)}${(whole ?? '').slice(place + 1)}`;
      await assert.rejects(() => check(process_, [copy], last), undefined, `${path.join('.')} at ${place} of edge ${at}`);
      altered += 1;
    }
  }
  await assert.rejects(() => check(process_, [edge, edge], last));
  last = await check(process_, [edge], last);
}
const without = [...edges.slice(0, 2), ...edges.slice(3)];
await assert.rejects(() => check(process_, without));
const swapped = [...edges.slice(0, 2), edges[3], edges[2], ...edges.slice(4)];
await assert.rejects(() => check(process_, swapped));
console.log(JSON.stringify({ altered, edges: edges.length }));
