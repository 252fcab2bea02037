// From a decoded frame to its plaintext, in the receiver's order of the platform
// contract, media B.8, steps 5 to 11.

import { equal, hex } from './bytes.js';
import { Rejected, signedInput } from './frame.js';
import { ReplayWindow } from './replay.js';
import { derive, openPayload, parseKeyId, unwrap, verify, verifyingKey } from './sframe.js';

const MAX_KEYS = 32; // of one sender

export class Opener {
  constructor(keyring) {
    this.keyring = keyring;
    this.roster = new Map(); // sender id -> Promise of the key, or of null when it is unusable
    this.assigned = new Set(); // sender ids in any of our slots
    this.keys = new Map(); // sender id -> Map of key id -> { kekGeneration, block, secret }
    this.replay = new ReplayWindow();
    this.verified = 0; // frames whose signature was right
  }

  setRoster(sender, raw) {
    this.roster.set(sender, raw?.length === 32 ? verifyingKey(raw).catch(() => null) : Promise.resolve(null));
    this.keys.delete(sender);
  }

  forget(sender) {
    this.roster.delete(sender);
    this.keys.delete(sender);
  }

  // open returns { plaintext, outcome }. Calls must follow each other: the replay
  // window and the keys do not bear two at once.
  async open(frame, now) {
    const { sender, stream, generation } = parseKeyId(frame.keyId);
    const key = await this.roster.get(sender);
    if (!key) throw new Rejected('no_roster_entry');
    if (!await verify(key, frame.signature, signedInput(frame.publisher, frame.payload))) throw new Rejected('signature_invalid');
    this.verified++;
    if (!this.assigned.has(sender)) throw new Rejected('sender_not_assigned');

    const { entry, outcome } = await this.resolve(frame, sender, now);
    if (!this.replay.admit(entry.kekGeneration, sender, stream, generation, frame.sequence)) throw new Rejected('replay_detected');
    if (outcome === 'cached') this.keep(sender, hex(frame.keyId), entry);
    try {
      return { plaintext: await openPayload(entry.secret, frame.payload, frame.sequence, frame.publisher), outcome };
    } catch {
      throw new Rejected('decrypt_failed');
    }
  }

  // resolve finds the transmit key: the one we have for the key id, or else the
  // one that the frame brings.
  async resolve(frame, sender, now) {
    const known = this.keys.get(sender)?.get(hex(frame.keyId));
    if (known && !this.keyring.lookup(known.kekGeneration, now)) throw new Rejected(this.keyring.missing(known.kekGeneration));
    if (!frame.wrap) {
      if (!known) throw new Rejected('no_transmit_key');
      return { entry: known, outcome: 'already_held' };
    }
    const kekGeneration = frame.wrap[0] << 8 | frame.wrap[1];
    const block = frame.wrap.slice(2);
    const kek = this.keyring.lookup(kekGeneration, now);
    if (known && kekGeneration !== known.kekGeneration) {
      return { entry: known, outcome: kek ? 'wrap_generation_conflict' : 'kek_generation_not_held' };
    }
    if (known && equal(block, known.block)) return { entry: known, outcome: 'already_held' };
    if (!kek) throw new Rejected(this.keyring.missing(kekGeneration));
    let transmitKey;
    try {
      transmitKey = await unwrap(kek, frame.keyId, block);
    } catch {
      if (!known) throw new Rejected('unwrap_failed');
      return { entry: known, outcome: 'wrap_key_id_mismatch' };
    }
    if (known) return { entry: known, outcome: 'already_held' }; // the first binding of a key id wins
    return { entry: { kekGeneration, block, secret: await derive(transmitKey, frame.keyId) }, outcome: 'cached' };
  }

  keep(sender, id, entry) {
    let keys = this.keys.get(sender);
    if (!keys) this.keys.set(sender, keys = new Map());
    if (keys.size >= MAX_KEYS) keys.delete(keys.keys().next().value);
    keys.set(id, entry);
  }

  // purge forgets what belongs to meeting keys that are no longer held.
  purge(now) {
    this.replay.keepOnly((generation) => this.keyring.lookup(generation, now) !== null);
  }
}
