// openworld-v1: the square, how players move in it, and who is near whom. Shared by both servers.

export const TICK_MS = 50, HALF = 32, SPEED = 5, DIRECTIONS = 16, VISIBLE = 40;

export function side(players) {
  const share = players > VISIBLE ? Math.sqrt(VISIBLE / players) : 1;
  return share < 1 ? HALF / (1 - Math.sqrt(1 - share)) : HALF;
}

/** A step of a tick in one of the sixteen directions (255: none); walls reflect. */
export function walk(player, length) {
  if (player.way === 255) return;
  const angle = (2 * Math.PI * player.way) / DIRECTIONS, step = (SPEED * TICK_MS) / 1000;
  let x = player.x + Math.cos(angle) * step, y = player.y + Math.sin(angle) * step;
  if (x < 0 || x > length) { player.way = (DIRECTIONS + DIRECTIONS / 2 - player.way) % DIRECTIONS; x = Math.min(Math.max(x, 0), length); }
  if (y < 0 || y > length) { player.way = (DIRECTIONS - player.way) % DIRECTIONS; y = Math.min(Math.max(y, 0), length); }
  player.x = x; player.y = y;
}

/** Squares of HALF units with who is in them. */
export class Grid {
  constructor(length) { this.wide = Math.floor(length / HALF) + 1; this.cells = new Map(); }
  fill(players) {
    this.cells.clear();
    for (const one of players) {
      const cell = Math.floor(one.x / HALF) + this.wide * Math.floor(one.y / HALF);
      const held = this.cells.get(cell);
      if (held) held.push(one); else this.cells.set(cell, [one]);
    }
  }
  *near(player) {
    const cx = Math.floor(player.x / HALF), cy = Math.floor(player.y / HALF);
    for (let y = cy - 1; y <= cy + 1; y++) for (let x = cx - 1; x <= cx + 1; x++) {
      if (x < 0 || y < 0 || x >= this.wide) continue;
      for (const one of this.cells.get(x + this.wide * y) ?? [])
        if (Math.abs(one.x - player.x) <= HALF && Math.abs(one.y - player.y) <= HALF) yield one;
    }
  }
}

/** A generator of its own for each bot, by seed and number (mulberry32). */
export function drawn(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
