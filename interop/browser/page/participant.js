// A participant of a meeting, made of a browser and of nothing else of ours: it
// signs in at AC, asks GC, joins at MC, connects to the media handlers, talks and
// listens (platform contract, client 1.1).

import { hex, unbase64 } from './bytes.js';
import { Ear } from './ear.js';
import { Handler } from './handler.js';
import { Keyring } from './keyring.js';
import { AUDIO, CONNECTED, DATAGRAM, FAILED, slotStates } from './messages.js';
import { Opener } from './opener.js';
import { Sealer } from './sealer.js';
import { Identity } from './sframe.js';
import { Signaling } from './signaling.js';
import { Voice, audioOf } from './voice.js';

export class Participant {
  constructor() {
    this.steps = []; // { name, ms }
    this.people = new Map(); // participant id -> sender id
    this.handlers = new Map(); // by the URL that MC spelled
    this.assignments = [];
    this.sent = [];
    this.faults = [];
    this.left = []; // reasons of those who left
    this.waiting = new Set();
    this.keyring = new Keyring();
    this.opener = new Opener(this.keyring);
    this.ear = new Ear(this.opener, () => this.changed());
  }

  // join takes { email, password, displayName, code, hashes, slots } and returns
  // who the participant is. Hashes are base64.
  async join({ email, password, displayName, code, hashes, slots }) {
    const pins = hashes.map(unbase64);
    const token = await this.step('signed in at AC', () => this.signIn({ email, password, displayName }));
    const ticket = await this.step('let in by GC', () => this.request('GET', `/api/v1/meetings/${code}`, { token }));
    this.identity = await Identity.create();
    this.signaling = new Signaling(ticket.mcAssignment.webtransportEndpoint, pins);
    const self = await this.step('joined at MC', () => this.signaling.join({
      meetingId: ticket.meetingId,
      joinToken: ticket.token,
      participantName: displayName,
      capabilities: {},
      correlationId: '',
      bindingToken: '',
      identityPublicKey: this.identity.publicKey,
    }));
    this.senderId = self.senderId;
    await this.keyring.install(self.meetingKek, self.kekGeneration ?? 0, self.kekRotationDebounceSeconds ?? 0, performance.now());
    for (const person of self.existingParticipants ?? []) this.meet(person);
    const sealer = new Sealer(this.identity, this.keyring, this.senderId, 0);
    this.voice = new Voice({
      sender: this.senderId, sealer, streamId: 0,
      onSent: (frame) => { this.sent.push(frame); this.changed(); },
      onFault: (what) => this.fault(what),
    });
    this.listening = this.signaling.listen((name, content) => this.obey(name, content)).catch((e) => this.fault(`MC: ${e}`));
    await this.step('connected to media handlers', () => this.connect(self.mediaServers ?? [], ticket.token, pins));
    const declared = Array.from({ length: slots }, (_, slotId) => ({ slotId, mediaKind: AUDIO }));
    this.ear.slots = new Set(declared.map((s) => s.slotId));
    await this.signaling.send({ receiveCapability: { slots: declared } });
    this.changed();
    return { senderId: this.senderId, participantId: self.participantId, identityKey: hex(this.identity.publicKey), handlers: this.handlers.size };
  }

  // signIn registers, or signs in when the account exists.
  async signIn({ email, password, displayName }) {
    try {
      return (await this.request('POST', '/api/v1/auth/register', { body: { email, password, displayName } })).accessToken;
    } catch (e) {
      if (e.status !== 409) throw e;
      return (await this.request('POST', '/api/v1/auth/user/token', { body: { email, password } })).accessToken;
    }
  }

  async request(method, path, { token, body }) {
    const headers = {};
    if (token) headers.authorization = `Bearer ${token}`;
    if (body) headers['content-type'] = 'application/json';
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (!response.ok) throw Object.assign(new Error(`${method} ${path}: ${response.status}`), { status: response.status });
    return response.json();
  }

  // connect tries all handlers at once, waits for all and then tells MC, once.
  async connect(offered, token, pins) {
    const statuses = await Promise.all(offered.map(async ({ mediaHandlerUrl: url }) => {
      const handler = new Handler(url, pins);
      const status = { mhUrl: url, state: CONNECTED };
      try {
        await handler.connect(token);
        this.handlers.set(url, handler);
        handler.receive((bytes) => this.ear.take(url, bytes)).catch((e) => {
          if (!this.leaving) this.fault(`${url}: ${e}`);
        });
      } catch (e) {
        this.fault(`${url}: ${e}`);
        Object.assign(status, { state: FAILED, failureReason: 'media handler connection failed', failureCode: 'TRANSPORT' });
      }
      const now = Date.now();
      return { ...status, observedAt: { seconds: Math.floor(now / 1000), nanos: now % 1000 * 1e6 } };
    }));
    await this.signaling.send({ mediaConnectionUpdate: { statuses } });
    if (this.handlers.size === 0) throw new Error('no media handler could be connected');
  }

  meet({ participantId, senderId, identityPublicKey }) {
    this.people.set(participantId, senderId);
    this.opener.setRoster(senderId, identityPublicKey);
  }

  async obey(name, content) {
    switch (name) {
      case 'participantJoined':
        this.meet(content.participant);
        break;
      case 'participantLeft':
        this.opener.forget(this.people.get(content.participantId));
        this.people.delete(content.participantId);
        this.left.push(content.reason);
        break;
      case 'streamAssignments':
        this.assignments = content.assignments ?? [];
        this.opener.assigned = new Set(this.assignments.map((a) => a.senderId).filter((id) => id !== undefined));
        break;
      case 'sendDirective': {
        const audio = audioOf(content);
        const urls = (audio?.targets ?? []).filter((t) => t.transportMode === DATAGRAM).map((t) => t.mediaHandlerUrl);
        if (urls.some((url) => !this.handlers.has(url))) this.fault(`directed to a handler that is not connected: ${urls}`);
        this.voice.direct(urls.map((url) => this.handlers.get(url)).filter(Boolean), audio?.encoding?.maxBitrateBps);
        break;
      }
      case 'meetingKekUpdate':
        await this.keyring.install(content.meetingKek, content.kekGeneration ?? 0, content.kekRotationDebounceSeconds ?? 0, performance.now());
        this.opener.purge(performance.now());
        break;
      case 'error':
        this.fault(`MC: ${content.code} ${content.message}`);
    }
    this.changed();
  }

  // mute stops or resumes talking, and then tells MC.
  async mute(audioMuted) {
    await this.voice.mute(audioMuted);
    await this.signaling.send({ muteRequest: { audioMuted, videoMuted: false } });
    this.changed();
  }

  // The waits end when what is waited for is there, or fail after ms.

  awaitHeard(sender, frames, ms) {
    const have = () => this.ear.heard(sender).length;
    return this.until(() => have() >= frames, ms, () => `${have()} of ${frames} frames of sender ${sender} heard`);
  }

  awaitSent(frames, ms) {
    return this.until(() => this.sent.length >= frames, ms, () => `${this.sent.length} of ${frames} frames sent`);
  }

  awaitKek(generation, ms) {
    const current = () => this.keyring.current?.generation;
    return this.until(() => current() >= generation, ms, () => `meeting key ${current()}, waiting for ${generation}`);
  }

  awaitSlot(sender, state, ms) {
    const now = () => slotStates[this.assignments.find((a) => a.senderId === sender)?.slotState ?? 0];
    return this.until(() => now() === state, ms, () => `the slot of sender ${sender} is ${now()}, waiting for ${state}`);
  }

  until(cond, ms, story) {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!cond()) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`after ${ms} ms: ${story()}; faults: ${this.faults.join('; ') || 'none'}`));
      }, ms);
      this.waiting.add(look);
      look();
    });
  }

  changed() {
    for (const look of [...this.waiting]) look();
  }

  fault(what) {
    this.faults.push(what);
    this.changed();
  }

  async step(name, act) {
    const began = performance.now();
    const result = await act();
    this.steps.push({ name, ms: Math.round(performance.now() - began) });
    return result;
  }

  // report is everything, for whoever wants to compare.
  async report() {
    await this.ear.work;
    return {
      senderId: this.senderId,
      steps: this.steps,
      sent: this.sent,
      datagramsSent: [...this.handlers.values()].reduce((n, h) => n + h.sent, 0),
      notSent: [...this.handlers.values()].reduce((n, h) => n + h.overflowed + h.refused, 0),
      missed: this.voice.missed,
      received: this.ear.received,
      decoded: this.ear.decoded,
      verified: this.opener.verified,
      accepted: this.ear.accepted,
      rejected: this.ear.rejected,
      undeclared: this.ear.undeclared,
      lost: this.ear.lost(),
      sounds: await this.ear.sounds(),
      kekGeneration: this.keyring.current.generation,
      kekRefusals: this.keyring.refusals,
      left: this.left,
      faults: this.faults,
    };
  }

  // leave closes the handlers and then MC, with no code: all that a page can do.
  async leave() {
    this.leaving = true;
    await this.voice?.stop();
    for (const handler of this.handlers.values()) handler.connection.close();
    this.signaling?.connection.close();
  }
}
