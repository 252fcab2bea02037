// From a plaintext to a frame, in the sender's order of the platform contract,
// media B.7.

import { INDEPENDENT, KEY_BEARING, KEY_ID, TAG, assemble, publisher, signedInput } from './frame.js';
import { derive, keyId, sealPayload, wrap } from './sframe.js';

export class Sealer {
  constructor(identity, keyring, sender, stream) {
    this.identity = identity;
    this.keyring = keyring;
    this.sender = sender;
    this.stream = stream;
    this.sequence = 0; // never reset
    this.generation = 0; // only goes up
    this.due = false; // for a rotation
    this.transmit = null; // { id, generation, kekGeneration, secret, wrapped }
  }

  // rotate makes the next frame carry a new transmit key.
  rotate() {
    this.due = true;
  }

  // seal returns a frame, with no hop number yet. Calls must follow each other: two
  // at once would share a sequence number.
  async seal(plaintext, streamId) {
    const transmit = await this.current();
    const sequence = this.sequence++;
    const region = publisher({
      flags: INDEPENDENT | KEY_BEARING,
      payloadLength: KEY_ID + TAG + plaintext.length,
      sequence,
      wrap: transmit.wrapped,
    });
    const payload = await sealPayload(transmit.secret, transmit.id, sequence, region, plaintext);
    const signature = await this.identity.sign(signedInput(region, payload));
    return {
      bytes: assemble(region, streamId, payload, signature),
      publisherLength: region.length,
      sequence,
      generation: transmit.generation,
    };
  }

  // current returns the transmit key, a new one when the meeting key has changed:
  // no transmit key is ever wrapped under two of them.
  async current() {
    const kek = this.keyring.current;
    if (this.due || (this.transmit && this.transmit.kekGeneration !== kek.generation)) {
      this.due = false;
      this.generation++;
      this.transmit = null;
    }
    if (!this.transmit) {
      const generation = this.generation;
      const id = keyId(this.sender, this.stream, generation);
      const key = crypto.getRandomValues(new Uint8Array(32));
      this.transmit = {
        id, generation,
        kekGeneration: kek.generation,
        secret: await derive(key, id),
        wrapped: await wrap(kek.key, kek.generation, id, key),
      };
    }
    return this.transmit;
  }
}
