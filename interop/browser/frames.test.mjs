// The page's frames and cryptography on their own: constants of the platform
// contract, media B.9, a grammar of damaged frames, and, when DARKTOWER_FRAME_VECTORS
// names a copy of them, the vectors that the platform publishes.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

globalThis.crypto ??= webcrypto;

const { concat, equal, hex, unhex, view } = await import('./page/bytes.js');
const { Rejected, assemble, decode, publisher, signedInput } = await import('./page/frame.js');
const { Keyring } = await import('./page/keyring.js');
const { Opener } = await import('./page/opener.js');
const { decode: decodeMessage, encode: encodeMessage } = await import('./page/protobuf.js');
const { Sealer } = await import('./page/sealer.js');
const { Identity, aesKey, derive, deriveBits, keyId, nonce, openPayload, parseKeyId, sealPayload, verify, verifyingKey, wrap } =
  await import('./page/sframe.js');

const count = (from, n) => Uint8Array.from({ length: n }, (_, i) => from + i);
const rejection = async (act) => {
  try {
    await act();
  } catch (e) {
    if (e instanceof Rejected) return e.reason;
    throw e;
  }
  return '';
};

test('the key schedule gives the contract\'s constants', async () => {
  const id = unhex('0102030405060708');
  const { key, salt } = await deriveBits(count(0x20, 32), id);
  assert.equal(hex(key), 'c9ad7a8dd073e8df832683a6ddde87eb4190b7a10c1659d07046a1ce8df94432');
  assert.equal(hex(salt), 'de74ded07c444f3a5ac19a07');
  assert.equal(hex(nonce(salt, 7)), 'de74ded07c444f3a5ac19a00');
  assert.deepEqual(parseKeyId(id), { sender: 258, stream: 3, generation: 0x0405060708 });
  assert.equal(hex(keyId(258, 3, 0x0405060708)), hex(id));
});

test('messages survive protobuf, and unknown fields are skipped', () => {
  const schema = { 1: ['a', 'varint'], 2: [['many'], 'varint'], 20: ['s', 'string'], 3: [['inner'], { 1: ['b', 'bytes'] }] };
  const message = { a: 2 ** 40 + 5, many: [0, 127, 128, 65535], s: 'ä', inner: [{ b: Uint8Array.of(1) }, {}] };
  const bytes = encodeMessage(schema, message);
  assert.deepEqual(decodeMessage(schema, bytes), message);
  assert.deepEqual(decodeMessage({ 20: ['s', 'string'] }, bytes), { s: 'ä' });
  assert.deepEqual(decodeMessage(schema, Uint8Array.of(0x12, 3, 1, 0x80, 1)), { many: [1, 128] });
  for (let n = 1; n < bytes.length; n++) {
    try {
      decodeMessage(schema, bytes.subarray(0, n));
    } catch (e) {
      assert.match(e.message, /ends within|ten bytes/);
    }
  }
});

// pair is somebody who seals and somebody who opens.
async function pair() {
  const identity = await Identity.create();
  const keyring = new Keyring();
  await keyring.install(count(1, 32), 3, 60, 0);
  const opener = new Opener(keyring);
  opener.setRoster(9, identity.publicKey);
  opener.assigned.add(9);
  return { keyring, opener, sealer: new Sealer(identity, keyring, 9, 0) };
}

test('what is sealed is opened once, and not after a change of any byte that counts', async () => {
  const { keyring, opener, sealer } = await pair();
  const plaintext = unhex('fb41');
  const { bytes, publisherLength } = await sealer.seal(plaintext, 5);
  assert.equal(bytes.length, 156 + plaintext.length);
  for (let i = 0; i < bytes.length; i++) {
    const damaged = bytes.slice();
    damaged[i] ^= 0x01;
    const reason = await rejection(async () => opener.open(decode(damaged), 0));
    const relay = i >= publisherLength && i < publisherLength + 6;
    if (relay) continue; // the relay's bytes are nobody's to authenticate
    assert.notEqual(reason, '', `byte ${i}`);
  }
  const fresh = new Opener(keyring);
  fresh.roster = opener.roster;
  fresh.assigned = opener.assigned;
  assert.deepEqual(await fresh.open(decode(bytes), 0), { plaintext, outcome: 'cached' });
  assert.equal(await rejection(() => fresh.open(decode(bytes), 0)), 'replay_detected');
  for (let n = 0; n < bytes.length; n++) assert.notEqual(await rejection(() => decode(bytes.subarray(0, n))), '', `${n} bytes`);
  assert.equal(await rejection(() => decode(concat(bytes, Uint8Array.of(0)))), 'trailing_bytes');
});

test('a new meeting key brings a new transmit key, and the old one is kept for a while', async () => {
  const { keyring, opener, sealer } = await pair();
  const [first, late, tooLate] = [await sealer.seal(unhex('01'), 0), await sealer.seal(unhex('02'), 0), await sealer.seal(unhex('03'), 0)];
  assert.equal(await keyring.install(count(1, 32), 3, 60, 0), false);
  assert.equal(await keyring.install(count(2, 32), 3, 60, 0), false);
  assert.equal(await keyring.install(count(2, 32), 2, 60, 0), false);
  assert.equal(await keyring.install(new Uint8Array(32), 4, 60, 0), false);
  assert.deepEqual(keyring.refusals, { conflicting_key: 1, older_generation: 1, malformed: 1 });
  await opener.open(decode(first.bytes), 0);
  assert.equal(await keyring.install(count(2, 32), 4, 4, 1000), true);
  const second = await sealer.seal(unhex('04'), 0);
  assert.equal(second.generation, first.generation + 1);
  assert.equal(second.sequence, 3);
  assert.equal((await opener.open(decode(second.bytes), 1000)).outcome, 'cached');
  assert.equal((await opener.open(decode(late.bytes), 2999)).outcome, 'already_held'); // across keys, order does not matter
  assert.equal(await rejection(() => opener.open(decode(tooLate.bytes), 3000)), 'kek_generation_stale');
});

test('within a meeting key, a frame of an older transmit key is a replay', async () => {
  const { opener, sealer } = await pair();
  const old = await sealer.seal(unhex('01'), 0);
  sealer.rotate();
  await opener.open(decode((await sealer.seal(unhex('02'), 0)).bytes), 0);
  assert.equal(await rejection(() => opener.open(decode(old.bytes), 0)), 'replay_detected');
});

test('64 frames may overtake one another, no more', async () => {
  const { opener, sealer } = await pair();
  const frames = [];
  for (let i = 0; i < 80; i++) frames.push(decode((await sealer.seal(Uint8Array.of(i), 0)).bytes));
  await opener.open(frames[79], 0);
  assert.equal(await rejection(() => opener.open(frames[15], 0)), 'replay_detected');
  for (const n of [16, 78, 40]) assert.equal(await rejection(() => opener.open(frames[n], 0)), '', `frame ${n}`);
  assert.equal(await rejection(() => opener.open(frames[40], 0)), 'replay_detected');
});

const published = process.env.DARKTOWER_FRAME_VECTORS;

test('the published vectors', { skip: !published && 'DARKTOWER_FRAME_VECTORS names none' }, async (t) => {
  const { vectors } = JSON.parse(readFileSync(published, 'utf8'));
  const base = vectors.find((v) => v.name === 'full_frame_compose');
  const receiver = async (v) => {
    const keyring = new Keyring();
    await keyring.install(unhex(v.crypto.kek_hex), v.decoded.kek_generation ?? 1, 60, 0);
    const opener = new Opener(keyring);
    const { sender_id: sender } = v.decoded.key_id_decomposed;
    opener.setRoster(sender, unhex(v.crypto.identity_public_hex));
    opener.assigned.add(sender);
    return { opener, sender };
  };
  for (const v of vectors) {
    await t.test(v.name, async () => {
      const bytes = unhex(v.frame_hex);
      if (v.kind === 'decode_reject') {
        assert.equal(await rejection(() => decode(bytes)), v.reject_reason);
        return;
      }
      const frame = decode(bytes);
      const transmitKey = unhex(v.crypto.transmit_key_hex);
      const plaintext = unhex(v.crypto.plaintext_hex);
      assert.equal(frame.publisher.length, v.offsets.publisher_region_len);
      assert.equal(frame.sequence, v.decoded.stream_sequence);
      assert.equal(frame.streamId, v.decoded.stream_id);
      assert.equal(frame.hop, v.decoded.hop_sequence);
      assert.equal(hex(frame.keyId), v.decoded.key_id);
      assert.equal(hex(frame.signature), v.derived.signature_hex);
      const { opener, sender } = await receiver(v);
      switch (v.kind) {
        case 'roundtrip':
        case 'full_frame': {
          const id = frame.keyId;
          const region = publisher({
            flags: frame.flags,
            payloadLength: 24 + plaintext.length,
            sequence: frame.sequence,
            wrap: frame.wrap && await wrap(await aesKey(unhex(v.crypto.kek_hex)), v.decoded.kek_generation, id, transmitKey),
            extensions: concat(new Uint8Array(), ...v.decoded.extensions.map((e) => concat(
              Uint8Array.of(e.ext_type, e.value_hex.length / 2), unhex(e.value_hex)))),
          });
          const payload = await sealPayload(await derive(transmitKey, id), id, frame.sequence, region, plaintext);
          const seed = unhex(v.crypto.identity_private_seed_hex);
          const pkcs8 = concat(unhex('302e020100300506032b657004220420'), seed);
          const identity = new Identity(await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']));
          const rebuilt = assemble(region, frame.streamId, payload, await identity.sign(signedInput(region, payload)));
          view(rebuilt).setUint32(region.length + 2, frame.hop);
          assert.ok(equal(rebuilt, bytes), 'the frame is rebuilt byte for byte');
          if (!frame.wrap) {
            assert.equal(await rejection(() => opener.open(frame, 0)), 'no_transmit_key');
            assert.ok(equal(await openPayload(await derive(transmitKey, id), frame.payload, frame.sequence, frame.publisher), plaintext));
            break;
          }
          assert.ok(equal((await opener.open(frame, 0)).plaintext, plaintext));
          break;
        }
        case 'wrap_binding': {
          const entry = { kekGeneration: 1, block: new Uint8Array(48), secret: await derive(transmitKey, frame.keyId) };
          opener.keep(sender, hex(frame.keyId), entry);
          const opened = await opener.open(frame, 0);
          assert.equal(opened.outcome, 'wrap_key_id_mismatch');
          assert.ok(equal(opened.plaintext, plaintext));
          assert.deepEqual([...opener.keys.get(sender).keys()], [hex(frame.keyId)]);
          break;
        }
        case 'verify_reject': {
          const key = await verifyingKey(unhex(base.crypto.identity_public_hex));
          assert.equal(await verify(key, frame.signature, signedInput(frame.publisher, frame.payload)), false);
          opener.setRoster(sender, unhex(base.crypto.identity_public_hex));
          assert.equal(await rejection(() => opener.open(frame, 0)), v.reject_reason);
          break;
        }
        case 'decrypt_reject': {
          const wrongKey = v.expected.use_transmit_key_hex;
          if (wrongKey) {
            const entry = { kekGeneration: 1, block: frame.wrap.slice(2), secret: await derive(unhex(wrongKey), frame.keyId) };
            opener.keep(sender, hex(frame.keyId), entry);
          } else {
            const keyring = new Keyring();
            await keyring.install(unhex(v.expected.use_kek_hex), v.decoded.kek_generation, 60, 0);
            opener.keyring = keyring;
          }
          assert.equal(await rejection(() => opener.open(frame, 0)), v.reject_reason);
          break;
        }
        case 'replay_reject':
          await opener.open(decode(unhex(base.frame_hex)), 0);
          assert.equal(await rejection(() => opener.open(frame, 0)), v.reject_reason);
          break;
        default:
          assert.fail(`a kind that is not known here: ${v.kind}`);
      }
    });
  }
});
