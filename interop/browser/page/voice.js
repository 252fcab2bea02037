// What the participant says: a steady tone as Opus packets of 20 ms, as long as
// somebody is to hear it. Each packet is sealed once and sent to every target.

import { AUDIO } from './messages.js';

const RATE = 48_000, FRAME = 960, INTERVAL = 20; // samples/s, samples, ms
const ROTATE_EVERY = 60_000; // ms (platform contract, media B.6)
const FALLBACK_BITRATE = 32_000; // bit/s

// toneOf is the pitch by which participants can be told apart, in Hz (platform
// contract, client 2).
const toneOf = (sender) => 600 + (sender - 1) % 24 * 25;

export class Voice {
  constructor({ sender, sealer, streamId, onSent, onFault }) {
    Object.assign(this, { sealer, streamId, onSent, onFault });
    this.pitch = toneOf(sender);
    this.targets = [];
    this.muted = false;
    this.samples = 0;
    this.work = Promise.resolve();
    this.missed = 0; // due times that passed unused
  }

  // direct obeys a directive; targets are Handlers. None and no audio stream at all
  // mean the same: nothing is built and no sequence number used.
  direct(targets, bitrate) {
    if (this.targets.length === 0 && targets.length > 0) this.sealer.rotate();
    this.targets = targets;
    this.bitrate ??= bitrate || undefined;
    if (targets.length > 0 && !this.encoder) this.start();
  }

  // mute returns when no frame is being built any more that began before it.
  async mute(muted) {
    if (this.muted && !muted) this.sealer.rotate();
    this.muted = muted;
    await this.work;
  }

  start() {
    this.encoder = new AudioEncoder({
      output: (chunk) => this.packet(chunk),
      error: (e) => this.onFault(`Opus encoder: ${e}`),
    });
    this.encoder.configure({
      codec: 'opus', sampleRate: RATE, numberOfChannels: 1, bitrate: this.bitrate ?? FALLBACK_BITRATE,
      opus: { frameDuration: INTERVAL * 1000, application: 'voip', signal: 'voice', complexity: 10, usedtx: false, useinbandfec: false },
    });
    this.begin = performance.now();
    this.rotateAt = this.begin + ROTATE_EVERY;
    this.due = 0;
    this.tick();
  }

  // tick feeds what is due, on absolute times. What is missed is not made up for.
  tick() {
    if (this.stopped) return;
    const now = performance.now();
    if (now >= this.rotateAt) {
      this.sealer.rotate();
      this.rotateAt += ROTATE_EVERY;
    }
    if (!this.muted && this.targets.length > 0) this.encoder.encode(this.sound());
    const next = Math.max(this.due + 1, Math.ceil((performance.now() - this.begin) / INTERVAL));
    this.missed += next - this.due - 1;
    this.due = next;
    this.timer = setTimeout(() => this.tick(), this.begin + next * INTERVAL - performance.now());
  }

  sound() {
    const data = new Float32Array(FRAME);
    for (let i = 0; i < FRAME; i++) data[i] = 0.2 * Math.sin(2 * Math.PI * this.pitch * (this.samples + i) / RATE);
    const timestamp = this.samples / RATE * 1e6;
    this.samples += FRAME;
    return new AudioData({ format: 'f32-planar', sampleRate: RATE, numberOfFrames: FRAME, numberOfChannels: 1, timestamp, data });
  }

  packet(chunk) {
    const plaintext = new Uint8Array(chunk.byteLength);
    chunk.copyTo(plaintext);
    this.work = this.work.then(() => this.send(plaintext)).catch((e) => this.onFault(`building a frame: ${e}`));
  }

  async send(plaintext) {
    if (this.muted || this.targets.length === 0) return;
    const frame = await this.sealer.seal(plaintext, this.streamId);
    for (const target of this.targets) target.send(frame);
    this.onSent({ generation: frame.generation, sequence: frame.sequence, bytes: plaintext.length });
  }

  async stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    if (this.encoder?.state === 'configured') this.encoder.close();
    await this.work;
  }
}

// audioOf returns the audio stream of a directive, if it has one.
export const audioOf = (directive) => (directive.streams ?? []).find((s) => s.mediaKind === AUDIO);
