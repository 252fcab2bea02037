// Messages on a stream: a length of four bytes, big-endian, before each (platform
// contract, MC B.4).

import { concat, view } from './bytes.js';

const MAX_BODY = 65536;

export function framed(body) {
  const out = new Uint8Array(4 + body.length);
  view(out).setUint32(0, body.length);
  out.set(body, 4);
  return out;
}

// bodies yields the messages of a stream until it ends.
export async function* bodies(readable) {
  let pending = new Uint8Array();
  for await (const chunk of readable) {
    pending = concat(pending, chunk);
    while (pending.length >= 4) {
      const length = view(pending).getUint32(0);
      if (length === 0 || length > MAX_BODY) throw new Error(`a message of ${length} bytes`);
      if (pending.length < 4 + length) break;
      yield pending.subarray(4, 4 + length);
      pending = pending.slice(4 + length);
    }
  }
  if (pending.length > 0) throw new Error('the stream ended within a message');
}
