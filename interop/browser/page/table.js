// The page's own view of how it goes.

const LEFT_BY = { 5: 'voluntary', 6: 'kicked', 7: 'connection lost', 8: 'meeting ended', 9: 'timeout' };

function rows(p) {
  const { ear, voice, keyring } = p;
  const out = p.steps.map(({ name, ms }) => [name, `${ms} ms`]);
  if (p.senderId) out.push(['sender', `${p.senderId}, a tone of ${voice.pitch} Hz${voice.muted ? ', muted' : ''}`]);
  if (keyring.current) out.push(['meeting key', `generation ${keyring.current.generation}`]);
  out.push(['frames sent', p.sent.length]);
  for (const sender of new Set(ear.accepted.map((f) => f.sender))) out.push([`frames heard of sender ${sender}`, ear.heard(sender).length]);
  out.push(['datagrams', `${ear.received} received, ${p.opener.verified} verified, ${ear.accepted.length} opened, ${ear.rejected.length} dropped`]);
  const reasons = new Set(ear.rejected.map((f) => f.reason));
  if (reasons.size > 0) out.push(['dropped as', [...reasons].join(', ')]);
  if (p.left.length > 0) out.push(['people left', p.left.map((r) => LEFT_BY[r] ?? r).join(', ')]);
  out.push(['faults', p.faults.join('; ') || 'none']);
  return out;
}

export function show(table, participant) {
  const cell = (name, text) => {
    const element = document.createElement(name);
    element.textContent = text;
    return element;
  };
  const draw = () => table.replaceChildren(...rows(participant).map(([name, value]) => {
    const row = document.createElement('tr');
    row.append(cell('th', name), cell('td', value));
    return row;
  }));
  draw();
  setInterval(draw, 250);
}
