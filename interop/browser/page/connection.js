// One WebTransport session and the one stream that the platform wants on it.

import { framed } from './framing.js';

// within rejects when a promise takes longer than ms.
export function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Connection {
  // hashes are the SHA-256 of the certificates that may be presented: with them the
  // browser asks for no authority and for no name.
  constructor(url, hashes) {
    this.url = url;
    this.transport = new WebTransport(url, {
      serverCertificateHashes: hashes.map((value) => ({ algorithm: 'sha-256', value })),
    });
    this.open = false;
    this.ended = null; // why, when it has
    this.transport.closed.then(
      () => { this.ended = 'closed'; },
      (e) => { this.ended = String(e); },
    ).finally(() => { this.open = false; });
  }

  // start opens the stream and writes the first message: only then does the other
  // side see the stream.
  async start(ms, first) {
    try {
      await within(ms, `connecting to ${this.url}`, this.transport.ready);
      const stream = await this.transport.createBidirectionalStream();
      this.readable = stream.readable;
      this.writer = stream.writable.getWriter();
      await this.write(first);
      this.open = true;
    } catch (e) {
      this.close();
      throw e;
    }
  }

  // write sends one message in one write.
  write(body) {
    return this.writer.write(framed(body));
  }

  close() {
    try {
      this.transport.close();
    } catch {
      // It has ended already.
    }
  }
}
