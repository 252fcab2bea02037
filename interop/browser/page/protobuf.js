// Protobuf's wire format, as far as the platform's messages go: varints, strings,
// bytes, messages and repeated fields. A schema maps field numbers to [name, type],
// or [[name], type] when the field is repeated; a type is 'varint', 'string',
// 'bytes' or a schema. What an object does not have is not encoded; a field that is
// not in the schema is skipped.

const VARINT = 0, I64 = 1, LEN = 2, I32 = 5;

const text = new TextEncoder();
const fromText = new TextDecoder();

export function encode(schema, message) {
  const out = [];
  for (const [number, [name, type]] of Object.entries(schema)) {
    const value = message[Array.isArray(name) ? name[0] : name];
    if (value === undefined) continue;
    for (const one of Array.isArray(name) ? value : [value]) {
      if (type === 'varint') {
        pushVarint(out, number * 8 + VARINT);
        pushVarint(out, Number(one));
        continue;
      }
      const bytes = type === 'bytes' ? one : type === 'string' ? text.encode(one) : encode(type, one);
      pushVarint(out, number * 8 + LEN);
      pushVarint(out, bytes.length);
      for (const b of bytes) out.push(b);
    }
  }
  return Uint8Array.from(out);
}

export function decode(schema, bytes) {
  const message = {};
  const at = { bytes, offset: 0 };
  while (at.offset < bytes.length) {
    const tag = readVarint(at);
    const wireType = tag % 8;
    const [name, type] = schema[Math.floor(tag / 8)] ?? [];
    const value = readValue(at, wireType);
    if (name === undefined) continue;
    if ((type === 'varint') !== (wireType === VARINT) && !(Array.isArray(name) && wireType === LEN)) {
      throw new Error(`field ${name} has wire type ${wireType}`);
    }
    if (Array.isArray(name)) {
      (message[name[0]] ??= []).push(...elements(type, wireType, value));
    } else {
      message[name] = convert(type, value);
    }
  }
  return message;
}

// elements are what one occurrence of a repeated field holds: numbers may be packed.
function elements(type, wireType, value) {
  if (type !== 'varint' || wireType === VARINT) return [convert(type, value)];
  const out = [];
  const at = { bytes: value, offset: 0 };
  while (at.offset < value.length) out.push(readVarint(at));
  return out;
}

function convert(type, value) {
  if (type === 'varint') return value;
  if (type === 'bytes') return value.slice();
  if (type === 'string') return fromText.decode(value);
  return decode(type, value);
}

function readValue(at, wireType) {
  switch (wireType) {
    case VARINT: return readVarint(at);
    case LEN: return take(at, readVarint(at));
    case I64: return take(at, 8);
    case I32: return take(at, 4);
    default: throw new Error(`wire type ${wireType}`);
  }
}

function take(at, length) {
  if (length > at.bytes.length - at.offset) throw new Error('message ends within a field');
  at.offset += length;
  return at.bytes.subarray(at.offset - length, at.offset);
}

// readVarint is exact up to 2^53, which no number of the platform's exceeds.
function readVarint(at) {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const b = take(at, 1)[0];
    value |= BigInt(b & 0x7f) << shift;
    if (b < 0x80) return Number(value);
  }
  throw new Error('a number of more than ten bytes');
}

function pushVarint(out, value) {
  while (value >= 0x80) {
    out.push(value % 0x80 | 0x80);
    value = Math.floor(value / 0x80);
  }
  out.push(value);
}
