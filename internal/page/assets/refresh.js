// Renews the page in place while somebody looks at it, and says so when what is
// shown has become old: a page that has stopped must not look like good news.
(() => {
  'use strict';
  const main = document.querySelector('main');
  const live = document.getElementById('live');
  const every = Number(main.dataset.refresh) * 1000;
  const patience = 10000;
  let timer = 0;
  let busy = false;
  let fresh = live.textContent;

  const keep = () => new Map([...main.querySelectorAll('details[id]')].map((d) => [d.id, d.open]));
  const trail = (element) => {
    const link = element.closest('a[href], summary');
    if (!link || !main.contains(link)) return '';
    if (link.localName === 'a') return `a[href="${CSS.escape(link.getAttribute('href'))}"]`;
    const fold = link.closest('details[id]');
    return fold ? `#${CSS.escape(fold.id)} > summary` : '';
  };

  async function renew() {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(patience) });
      if (!answer.ok) throw new Error(String(answer.status));
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const body = next.querySelector('main[data-refresh]');
      if (!body) throw new Error('another page');
      const open = keep();
      const focus = trail(document.activeElement);
      for (const fold of body.querySelectorAll('details[id]')) if (open.has(fold.id)) fold.open = open.get(fold.id);
      main.replaceChildren(...body.childNodes);
      if (focus) main.querySelector(focus)?.focus({ preventScroll: true });
      document.title = next.title;
      document.querySelector('link[rel=icon]').href = next.querySelector('link[rel=icon]').href;
      fresh = next.getElementById('live').textContent;
      live.textContent = fresh;
      document.body.classList.remove('old');
    } catch {
      document.body.classList.add('old');
      document.title = 'old · prober';
      live.textContent = `The prober does not answer. What you see is old: ${fresh}`;
    } finally {
      busy = false;
      plan();
    }
  }
  function plan() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(renew, every);
  }
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (!document.hidden) renew();
  });
  plan();
})();
