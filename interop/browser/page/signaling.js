// One session with MC: the join, and whatever MC says from then on.

import { bodies } from './framing.js';
import { decode, encode } from './protobuf.js';
import { ClientMessage, ServerMessage } from './messages.js';
import { Connection, within } from './connection.js';

const JOIN_DEADLINE = 15_000; // platform contract, client 1.2

export class Signaling {
  constructor(url, hashes) {
    this.connection = new Connection(url, hashes);
  }

  // join returns the JoinResponse.
  async join(joinRequest) {
    await this.connection.start(JOIN_DEADLINE, encode(ClientMessage, { joinRequest }));
    this.messages = bodies(this.connection.readable);
    const first = await within(JOIN_DEADLINE, 'the answer to the join', this.messages.next());
    if (first.done) throw new Error('MC ended the stream before it answered the join');
    const message = decode(ServerMessage, first.value);
    if (message.error) throw new Error(`MC refused the join: ${message.error.code} ${message.error.message}`);
    if (!message.joinResponse) throw new Error(`MC began with ${Object.keys(message)}`);
    return message.joinResponse;
  }

  // listen calls on(name, content) for each message, one after the other.
  async listen(on) {
    for await (const body of this.messages) {
      for (const [name, content] of Object.entries(decode(ServerMessage, body))) await on(name, content);
    }
  }

  send(message) {
    return this.connection.write(encode(ClientMessage, message));
  }
}
