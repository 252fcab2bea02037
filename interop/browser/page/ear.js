// What the participant hears: every datagram of every handler, checked, opened and
// played to an Opus decoder.

import { hex } from './bytes.js';
import { Rejected, decode } from './frame.js';
import { parseKeyId } from './sframe.js';

const RATE = 48_000, FRAME = 960; // samples/s, samples

export class Ear {
  constructor(opener, onChange) {
    this.opener = opener;
    this.onChange = onChange;
    this.received = 0; // datagrams, before any check
    this.decoded = 0; // with a readable header
    this.undeclared = 0; // for a slot that was not declared
    this.accepted = []; // what was heard, in the order of arrival
    this.rejected = []; // what was not, and why
    this.slots = new Set();
    this.decoders = new Map(); // by sender
    this.hops = new Map(); // by handler and slot
    this.work = Promise.resolve();
  }

  // take queues one datagram: they are opened one after the other.
  take(url, bytes) {
    const at = performance.now();
    this.received++;
    this.work = this.work.then(() => this.one(url, bytes, at));
  }

  async one(url, bytes, at) {
    const seen = { at, url };
    try {
      const frame = decode(bytes);
      this.decoded++;
      const { sender, stream, generation } = parseKeyId(frame.keyId);
      Object.assign(seen, { sender, stream, generation, sequence: frame.sequence, slot: frame.streamId, hop: frame.hop });
      if (this.slots.has(frame.streamId)) this.follow(seen);
      else this.undeclared++;
      const { plaintext, outcome } = await this.opener.open(frame, performance.now());
      this.accepted.push({ ...seen, outcome, plaintext: hex(plaintext) });
      this.play(sender, plaintext);
    } catch (e) {
      this.rejected.push({ ...seen, reason: e instanceof Rejected ? e.reason : String(e) });
    }
    this.onChange();
  }

  // follow counts the relay's numbers of one slot (platform contract, client 3.4).
  follow({ url, slot, sender, hop }) {
    const name = `${url} ${slot}`;
    const known = this.hops.get(name);
    const ahead = known && (hop - known.hop) | 0;
    if (!known || known.sender !== sender || ahead < -64) {
      this.hops.set(name, { sender, hop, missing: known?.missing ?? 0, behind: known?.behind ?? 0 });
    } else if (ahead > 0) {
      known.missing += ahead - 1;
      known.hop = hop;
    } else {
      known.behind++;
    }
  }

  lost() {
    let frames = 0;
    for (const { missing, behind } of this.hops.values()) frames += missing - behind;
    return frames;
  }

  play(sender, packet) {
    let d = this.decoders.get(sender);
    if (!d) {
      d = { packets: 0, samples: 0, peak: 0, faults: [] };
      d.decoder = new AudioDecoder({
        output: (sound) => {
          const samples = new Float32Array(sound.numberOfFrames);
          sound.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
          d.samples += sound.numberOfFrames;
          for (const x of samples) d.peak = Math.max(d.peak, Math.abs(x));
          sound.close();
        },
        error: (e) => d.faults.push(String(e)),
      });
      d.decoder.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 1 });
      this.decoders.set(sender, d);
    }
    if (d.decoder.state !== 'configured') return;
    d.decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: d.packets++ * FRAME / RATE * 1e6, data: packet }));
  }

  // sounds ends decoding and returns what came out, by sender.
  async sounds() {
    const out = {};
    for (const [sender, { decoder, packets, samples, peak, faults }] of this.decoders) {
      if (decoder.state === 'configured') await decoder.flush();
      out[sender] = { packets, samples: this.decoders.get(sender).samples, peak: this.decoders.get(sender).peak, faults };
    }
    return out;
  }

  heard(sender) {
    return this.accepted.filter((f) => f.sender === sender);
  }
}
