// An Arweave wallet made here and now, as browsers make one.
import { generateKeyPairSync } from 'node:crypto';

export function wallet() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 4096, publicExponent: 65537 });
  return privateKey.export({ format: 'jwk' });
}

export const tags = (words) => Object.entries(words).map(([name, value]) => ({ name, value: String(value) }));

export async function until(what, look, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((go) => setTimeout(go, 100));
  }
}
