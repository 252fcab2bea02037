// The replay window (platform contract, media B.8): for each meeting key and sender
// a high-water mark of transmit-key generations for each stream, and for each
// stream and generation the highest sequence with 64 bits behind it.

const WIDTH = 64, MAX_CONTEXTS = 32;

export class ReplayWindow {
  constructor() {
    this.scopes = new Map();
  }

  // admit returns whether the frame is new, and remembers it.
  admit(kekGeneration, sender, stream, generation, sequence) {
    const name = `${kekGeneration}/${sender}`;
    let scope = this.scopes.get(name);
    if (!scope) this.scopes.set(name, scope = { kekGeneration, marks: new Map(), contexts: new Map() });
    if (generation < (scope.marks.get(stream) ?? 0)) return false;
    const of = `${stream}/${generation}`;
    const context = scope.contexts.get(of);
    if (!context) {
      if (scope.contexts.size >= MAX_CONTEXTS) scope.contexts.delete(scope.contexts.keys().next().value);
      scope.contexts.set(of, { highest: sequence, seen: 1n });
    } else if (sequence > context.highest) {
      context.seen = BigInt.asUintN(WIDTH, context.seen << BigInt(Math.min(sequence - context.highest, WIDTH)) | 1n);
      context.highest = sequence;
    } else {
      const behind = context.highest - sequence;
      if (behind >= WIDTH || context.seen >> BigInt(behind) & 1n) return false;
      context.seen |= 1n << BigInt(behind);
    }
    scope.marks.set(stream, generation);
    return true;
  }

  // keepOnly forgets what belongs to meeting keys that are no longer held.
  keepOnly(held) {
    for (const [name, scope] of this.scopes) {
      if (!held(scope.kekGeneration)) this.scopes.delete(name);
    }
  }
}
