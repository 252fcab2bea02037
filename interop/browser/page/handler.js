// One connection to a media handler: datagrams out of a short queue, and in.

import { encode } from './protobuf.js';
import { MhClientMessage } from './messages.js';
import { stampHop } from './frame.js';
import { Connection } from './connection.js';

const CONNECT_DEADLINE = 10_000; // platform contract, client 1.2
const QUEUE = 10; // frames: 200 ms

export class Handler {
  constructor(url, hashes) {
    this.url = url;
    this.connection = new Connection(url, hashes);
    this.queue = [];
    this.hop = 0;
    this.sent = 0;
    this.overflowed = 0;
    this.refused = 0;
  }

  // connect returns when the token is on its way. A handler never answers: it stays
  // open or it does not (platform contract, media C.2).
  async connect(joinToken) {
    await this.connection.start(CONNECT_DEADLINE, encode(MhClientMessage, { connectRequest: { joinToken } }));
    const { datagrams } = this.connection.transport;
    datagrams.incomingHighWaterMark = 32;
    datagrams.outgoingHighWaterMark = 2;
    datagrams.outgoingMaxAge = 500;
    this.writer = (datagrams.createWritable?.() ?? datagrams.writable).getWriter();
  }

  // receive hands over datagrams until the session ends.
  async receive(on) {
    const reader = this.connection.transport.datagrams.readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      on(value);
    }
  }

  send(frame) {
    this.queue.push(frame);
    if (this.queue.length > QUEUE) {
      this.queue.shift();
      this.overflowed++;
    }
    this.draining ??= this.drain().finally(() => { this.draining = undefined; });
  }

  async drain() {
    while (this.queue.length > 0) {
      try {
        await this.writer.ready;
        const frame = this.queue.shift();
        await this.writer.write(stampHop(frame.bytes, frame.publisherLength, this.hop));
        this.hop++;
        this.sent++;
      } catch {
        this.refused++;
        return;
      }
    }
  }
}
