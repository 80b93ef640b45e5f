/* What a page is after a browser has read it: `window.looked`, for browser.ts. Runs in the page. */
window.looked = (async () => {
  const article = document.querySelector('article');
  const all = selector => [...article.querySelectorAll(selector)];

  // As GitHub shows an alert.
  for (const quote of all('blockquote')) {
    const first = quote.querySelector('p');
    const kind = /^\s*\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]/.exec(first?.textContent ?? '')?.[1];
    if (kind === undefined) continue;
    quote.className = `alert ${kind.toLowerCase()}`;
    first.innerHTML = first.innerHTML.replace(/^\s*\[![A-Z]+\]\s*(<br>)?/, '');
    quote.dataset.kind = kind;
  }

  const folds = all('details');
  const closed = folds.map(fold => !fold.open);
  for (const fold of folds) fold.open = true;

  const drawings = [];
  mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', theme: 'default' });
  for (const [at, block] of all('pre > code.language-mermaid').entries()) {
    const drawing = { words: [], links: 0, width: 0, error: null };
    drawings.push(drawing);
    try {
      const { svg } = await mermaid.render(`drawing-${at}`, block.textContent);
      const place = document.createElement('div');
      place.className = 'mermaid';
      place.innerHTML = svg;
      block.parentElement.replaceWith(place);
      drawing.words = [...place.querySelectorAll('text, .nodeLabel, foreignObject p')].map(one =>
        one.textContent.trim(),
      );
      drawing.links = place.querySelectorAll('a, script, image').length;
      drawing.width = Math.round(place.querySelector('svg').getBoundingClientRect().width);
    } catch (error) {
      drawing.error = String(error);
    }
  }

  const text = element => element.textContent.trim();
  const inOrder = all('h2, h3, blockquote[data-kind], table, details').map(one =>
    one.matches('blockquote') ? one.dataset.kind : one.tagName.toLowerCase(),
  );
  const foreign = one => one.closest('.mermaid') === null;
  const looked = {
    order: inOrder,
    headings: all('h1, h2, h3').map(text),
    alerts: all('blockquote[data-kind]').map(one => ({ kind: one.dataset.kind, text: text(one) })),
    tables: all('table').map(table => ({
      head: [...table.querySelectorAll('thead th')].map(text),
      rows: [...table.querySelectorAll('tbody tr')].map(tr => [...tr.children].map(text)),
      hidden: Math.max(0, table.scrollWidth - table.clientWidth),
    })),
    folds: folds.map((fold, at) => ({ title: text(fold.querySelector('summary') ?? fold), closed: closed[at] })),
    drawings,
    links: all('a')
      .filter(foreign)
      .map(one => one.href),
    acting: all('script, img, iframe, form, input, style, object, [onclick], [onerror], [onload]')
      .filter(foreign)
      .map(one => one.outerHTML.slice(0, 100)),
    words: article.innerText,
    beyond: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
  if (document.body.dataset.folds !== 'open') {
    for (const [at, fold] of folds.entries()) fold.open = !closed[at];
  }
  return looked;
})();
