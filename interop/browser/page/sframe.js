// The cryptography of frames (platform contract, media B.1 to B.5), all of it
// WebCrypto's: Ed25519, AES-256-GCM and HKDF-SHA-512.

import { concat, view } from './bytes.js';
import { KEY_ID, TAG } from './frame.js';

const subtle = globalThis.crypto.subtle;
const ascii = (s) => new TextEncoder().encode(s);
const SUITE = Uint8Array.of(0x00, 0x05); // AES_256_GCM_SHA512_128

// keyId is who sealed a frame and under which key; generation fits a Number.
export function keyId(sender, stream, generation) {
  if (!(sender >= 1 && sender <= 0xffff) || !(stream >= 0 && stream <= 0xff) || !(generation >= 0 && generation < 2 ** 40)) {
    throw new Error(`no key id for sender ${sender}, stream ${stream}, generation ${generation}`);
  }
  const id = new Uint8Array(KEY_ID);
  view(id).setBigUint64(0, BigInt(sender) << 48n | BigInt(stream) << 40n | BigInt(generation));
  return id;
}

export function parseKeyId(id) {
  const v = view(id);
  return { sender: v.getUint16(0), stream: v.getUint8(2), generation: v.getUint8(3) * 2 ** 32 + v.getUint32(4) };
}

// deriveBits returns the key and the salt of a transmit key (RFC 9605 4.4.2).
export async function deriveBits(transmitKey, id) {
  const base = await subtle.importKey('raw', transmitKey, 'HKDF', false, ['deriveBits']);
  const expand = async (label, length) => new Uint8Array(await subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-512', salt: new Uint8Array(), info: concat(ascii(label), id, SUITE) }, base, length * 8));
  return {
    key: await expand('SFrame 1.0 Secret key ', 32),
    salt: await expand('SFrame 1.0 Secret salt ', 12),
  };
}

// derive makes a transmit key ready to seal and open with.
export async function derive(transmitKey, id) {
  const { key, salt } = await deriveBits(transmitKey, id);
  return { key: await aesKey(key), salt };
}

export const aesKey = (raw) => subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);

export function nonce(salt, sequence) {
  const out = salt.slice();
  const v = view(out);
  v.setUint32(8, (v.getUint32(8) ^ sequence) >>> 0);
  return out;
}

// sealPayload returns key id, tag and ciphertext, in this order.
export async function sealPayload({ key, salt }, id, sequence, aad, plaintext) {
  const sealed = new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv: nonce(salt, sequence), additionalData: aad }, key, plaintext));
  return concat(id, sealed.subarray(plaintext.length), sealed.subarray(0, plaintext.length));
}

export async function openPayload({ key, salt }, payload, sequence, aad) {
  const tag = payload.subarray(KEY_ID, KEY_ID + TAG);
  const ciphertext = payload.subarray(KEY_ID + TAG);
  return new Uint8Array(await subtle.decrypt(
    { name: 'AES-GCM', iv: nonce(salt, sequence), additionalData: aad }, key, concat(ciphertext, tag)));
}

const wrapParameters = (id) => ({ name: 'AES-GCM', iv: concat(new Uint8Array(4), id), additionalData: id });

// wrap returns the 50 bytes that carry a transmit key to whoever has the meeting key.
export async function wrap(kek, kekGeneration, id, transmitKey) {
  const sealed = new Uint8Array(await subtle.encrypt(wrapParameters(id), kek, transmitKey));
  return concat(Uint8Array.of(kekGeneration >> 8, kekGeneration & 0xff), sealed);
}

// unwrap opens the 48 bytes after the generation; id is the one received.
export async function unwrap(kek, id, block) {
  return new Uint8Array(await subtle.decrypt(wrapParameters(id), kek, block));
}

// Identity signs. Its private half never leaves WebCrypto.
export class Identity {
  static async create() {
    const pair = await subtle.generateKey('Ed25519', false, ['sign', 'verify']);
    return new Identity(pair.privateKey, new Uint8Array(await subtle.exportKey('raw', pair.publicKey)));
  }

  constructor(privateKey, publicKey) {
    this.privateKey = privateKey;
    this.publicKey = publicKey;
  }

  async sign(input) {
    return new Uint8Array(await subtle.sign('Ed25519', this.privateKey, input));
  }
}

export const verifyingKey = (raw) => subtle.importKey('raw', raw, 'Ed25519', false, ['verify']);

export const verify = (key, signature, input) => subtle.verify('Ed25519', key, signature, input);
