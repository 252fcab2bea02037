// The signaling messages that a participant sends and reads (platform contract,
// MC A.2). Fields that are of no use here are left out.

export const AUDIO = 1;
export const DATAGRAM = 1;
export const CONNECTED = 1, FAILED = 2;
export const slotStates = [
  'unspecified', 'active', 'source_muted', 'withheld_by_congestion', 'fewer_sources_than_slots',
  'zero_requested', 'source_unreachable', 'switch_pending',
];

const Timestamp = { 1: ['seconds', 'varint'], 2: ['nanos', 'varint'] };

const Person = {
  1: ['participantId', 'string'],
  2: ['name', 'string'],
  5: ['senderId', 'varint'],
  6: ['identityPublicKey', 'bytes'],
};

const JoinRequest = {
  1: ['meetingId', 'string'],
  2: ['joinToken', 'string'],
  3: ['participantName', 'string'],
  4: ['capabilities', {}],
  5: ['correlationId', 'string'],
  6: ['bindingToken', 'string'],
  7: ['identityPublicKey', 'bytes'],
};

const MuteRequest = { 1: ['audioMuted', 'varint'], 2: ['videoMuted', 'varint'] };

const MediaConnectionUpdate = {
  1: [['statuses'], {
    1: ['mhUrl', 'string'],
    2: ['state', 'varint'],
    3: ['failureReason', 'string'],
    4: ['failureCode', 'string'],
    5: ['observedAt', Timestamp],
  }],
};

const ReceiveCapability = { 1: [['slots'], { 1: ['slotId', 'varint'], 2: ['mediaKind', 'varint'], 3: ['pinnedSenderId', 'varint'] }] };

export const ClientMessage = {
  1: ['joinRequest', JoinRequest],
  7: ['muteRequest', MuteRequest],
  11: ['mediaConnectionUpdate', MediaConnectionUpdate],
  12: ['receiveCapability', ReceiveCapability],
};

export const MhClientMessage = { 1: ['connectRequest', { 1: ['joinToken', 'string'] }] };

const JoinResponse = {
  1: ['participantId', 'string'],
  3: [['existingParticipants'], Person],
  4: [['mediaServers'], { 1: ['mediaHandlerUrl', 'string'] }],
  8: ['senderId', 'varint'],
  9: ['meetingKek', 'bytes'],
  10: ['kekGeneration', 'varint'],
  11: ['kekRotationDebounceSeconds', 'varint'],
};

const SendDirective = {
  1: [['streams'], {
    1: ['streamNumber', 'varint'],
    2: ['mediaKind', 'varint'],
    3: ['encoding', { 1: ['codec', 'varint'], 2: ['maxBitrateBps', 'varint'] }],
    4: [['targets'], { 1: ['mediaHandlerUrl', 'string'], 2: ['transportMode', 'varint'] }],
  }],
  2: ['headerVersion', 'varint'],
};

const StreamAssignments = {
  1: [['assignments'], {
    6: ['slotId', 'varint'],
    7: ['senderId', 'varint'],
    8: ['mediaKind', 'varint'],
    9: ['mediaHandlerUrl', 'string'],
    10: ['slotState', 'varint'],
  }],
  2: [['unreachableSenderIds'], 'varint'],
};

export const ServerMessage = {
  1: ['joinResponse', JoinResponse],
  2: ['participantJoined', { 1: ['participant', Person] }],
  3: ['participantLeft', { 1: ['participantId', 'string'], 2: ['reason', 'varint'] }],
  7: ['error', { 1: ['code', 'varint'], 2: ['message', 'string'] }],
  12: ['streamAssignments', StreamAssignments],
  13: ['sendDirective', SendDirective],
  14: ['meetingKekUpdate', { 1: ['meetingKek', 'bytes'], 2: ['kekGeneration', 'varint'], 3: ['kekRotationDebounceSeconds', 'varint'] }],
};
