// The media frame, header version 2 (platform contract, media A): its bytes and
// nothing of their meaning.

import { concat, view } from './bytes.js';

const VERSION = 2;
export const INDEPENDENT = 0x01, DISCARDABLE = 0x02, KEY_BEARING = 0x04;
const LEGAL_FLAGS = INDEPENDENT | DISCARDABLE | KEY_BEARING;
const FIXED = 10, WRAP = 50, RELAY = 6, SIGNATURE = 64;
const MAX_PAYLOAD = 1 << 20, MAX_EXTENSIONS = 3;
const SALIENCE = 1;

export const KEY_ID = 8, TAG = 16;

// Rejected says why a frame is dropped, with a token of the platform's vocabulary
// (platform contract, media A.4).
export class Rejected extends Error {
  constructor(reason) {
    super(`frame dropped: ${reason}`);
    this.reason = reason;
  }
}

// decode reads one datagram. All spans are slices of it.
export function decode(b) {
  const reject = (reason) => { throw new Rejected(reason); };
  if (b.length < FIXED) reject('truncated');
  if (b[0] !== VERSION) reject('unknown_version');
  const flags = b[1];
  if (flags & ~LEGAL_FLAGS) reject('reserved_flag_bit_set');
  const v = view(b);
  const payloadLength = v.getUint32(2);
  if (payloadLength > MAX_PAYLOAD) reject('payload_length_exceeds_max');
  const keyBearing = (flags & KEY_BEARING) !== 0;
  let end = FIXED;
  if (keyBearing) {
    end += WRAP;
    if (b.length < end) reject('truncated');
  }
  if (b.length < end + 2) reject('truncated');
  const extensionsLength = v.getUint16(end);
  if (extensionsLength > MAX_EXTENSIONS) reject('extensions_too_large');
  end += 2 + extensionsLength;
  if (b.length < end) reject('truncated');
  const extensions = b.subarray(end - extensionsLength, end);
  if (!grammatical(extensions)) reject('extensions_malformed');
  if (b.length < end + RELAY + SIGNATURE) reject('truncated');
  const available = b.length - end - RELAY - SIGNATURE;
  if (payloadLength > available) reject('payload_length_exceeds_available');
  if (payloadLength < available) reject('trailing_bytes');
  if (payloadLength < KEY_ID + TAG) reject('truncated');
  const payload = b.subarray(end + RELAY, end + RELAY + payloadLength);
  return {
    flags,
    sequence: v.getUint32(6),
    wrap: keyBearing ? b.subarray(FIXED, FIXED + WRAP) : null,
    publisher: b.subarray(0, end),
    streamId: v.getUint16(end),
    hop: v.getUint32(end + 2),
    payload,
    keyId: payload.subarray(0, KEY_ID),
    signature: b.subarray(end + RELAY + payloadLength),
  };
}

// grammatical reports whether the extensions are none or one salience of 0 to 100:
// within three bytes there is no room for more.
function grammatical(extensions) {
  if (extensions.length === 0) return true;
  return extensions.length === 3 && extensions[0] === SALIENCE && extensions[1] === 1 && extensions[2] <= 100;
}

// publisher builds the region that is authenticated. It wants the final length of
// the payload.
export function publisher({ flags, payloadLength, sequence, wrap = null, extensions = new Uint8Array() }) {
  if (((flags & KEY_BEARING) !== 0) !== (wrap !== null)) throw new Error('the flags and the wrapped key disagree');
  const fixed = new Uint8Array(FIXED);
  fixed[0] = VERSION;
  fixed[1] = flags;
  view(fixed).setUint32(2, payloadLength);
  view(fixed).setUint32(6, sequence);
  return concat(fixed, wrap ?? new Uint8Array(), Uint8Array.of(0, extensions.length), extensions);
}

// signedInput is what the signature covers: the relay's six bytes are skipped.
export const signedInput = (publisherRegion, payload) => concat(publisherRegion, payload);

export function assemble(publisherRegion, streamId, payload, signature) {
  const relay = new Uint8Array(RELAY);
  view(relay).setUint16(0, streamId);
  return concat(publisherRegion, relay, payload, signature);
}

// stampHop returns a copy of a frame for one connection. Relay bytes are not signed.
export function stampHop(frame, publisherLength, hop) {
  const out = frame.slice();
  view(out).setUint32(publisherLength + 2, hop);
  return out;
}
