// What every module does with bytes.

export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let offset = 0;
  for (const p of parts) {
    out.set(p, offset);
    offset += p.length;
  }
  return out;
}

export const equal = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

export const view = (b) => new DataView(b.buffer, b.byteOffset, b.byteLength);

export const hex = (b) => Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('');

export const unhex = (s) => Uint8Array.from(s.match(/../g) ?? [], (x) => parseInt(x, 16));

export const unbase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
