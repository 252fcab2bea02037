// The meeting's keys: the current one and at most one before it, for as long as
// the platform contract, media B.8, lets a receiver keep it.

import { equal } from './bytes.js';
import { aesKey } from './sframe.js';

const CEILING = 30_000, FLOOR = 10_000; // ms

export class Keyring {
  constructor() {
    this.current = null; // { generation, raw, key }
    this.previous = null; // the same, with until
    this.refusals = {};
  }

  // install returns whether the current key is another one now.
  async install(raw, generation, debounceSeconds, now) {
    const refuse = (why) => {
      this.refusals[why] = (this.refusals[why] ?? 0) + 1;
      return false;
    };
    if (raw?.length !== 32 || raw.every((b) => b === 0) || !(generation >= 0 && generation <= 0xffff)) return refuse('malformed');
    if (this.current) {
      if (generation < this.current.generation) return refuse('older_generation');
      if (generation === this.current.generation) return equal(raw, this.current.raw) ? false : refuse('conflicting_key');
    }
    const key = await aesKey(raw);
    if (this.current) {
      const keep = debounceSeconds > 0 ? Math.min(debounceSeconds * 500, CEILING) : FLOOR;
      this.previous = { ...this.current, until: now + keep };
    }
    this.current = { generation, raw, key };
    return true;
  }

  // lookup returns the key of a generation, or null when it is not held.
  lookup(generation, now) {
    if (this.previous && now >= this.previous.until) this.previous = null;
    if (this.current?.generation === generation) return this.current.key;
    if (this.previous?.generation === generation) return this.previous.key;
    return null;
  }

  // missing is the reason to drop a frame that needs a generation not held.
  missing(generation) {
    const oldest = this.previous ?? this.current;
    return oldest && generation < oldest.generation ? 'kek_generation_stale' : 'no_kek_for_generation';
  }
}
