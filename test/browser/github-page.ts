import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Marked } from 'marked';
import type { Browser } from './browser.ts';

/** Width of a comment on a pull request, and of the text of a job summary, on a usual screen. */
export const WIDTH = 900;

/** GitHub's tables scroll within themselves, code too; nothing else does. */
const LOOK = `
body { margin: 0; font: 14px/1.5 "DejaVu Sans", "Noto Color Emoji", sans-serif; color: #1f2328; }
article { padding: 16px; overflow-wrap: break-word; }
h2 { font-size: 1.5em; border-bottom: 1px solid #d1d9e0; padding-bottom: .3em; } h3 { font-size: 1.25em; }
table { display: block; width: max-content; max-width: 100%; overflow: auto; border-collapse: collapse; margin: 0 0 16px; }
th, td { border: 1px solid #d1d9e0; padding: 6px 13px; } tr:nth-child(2n) { background: #f6f8fa; }
code, pre { font: 85% "DejaVu Sans Mono", monospace; background: #f6f8fa; border-radius: 6px; }
code { padding: .2em .4em; } pre { padding: 16px; overflow: auto; } pre code { padding: 0; background: none; font-size: 100%; }
blockquote { margin: 0 0 16px; padding: 0 1em; color: #59636e; border-left: .25em solid #d1d9e0; }
.alert { color: inherit; } .alert::before { content: attr(data-kind); font-weight: 500; }
.warning { border-color: #9a6700; } .warning::before { color: #9a6700; }
.caution { border-color: #cf222e; } .caution::before { color: #cf222e; }
details { margin-bottom: 16px; } sub { font-size: 75%; color: #59636e; } .mermaid svg { max-width: 100%; }
`;

export interface Drawing {
  readonly words: readonly string[];
  /** Links, scripts and pictures within it. */
  readonly links: number;
  readonly width: number;
  readonly error: string | null;
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Pixels that are only seen by scrolling to the right. */
  readonly hidden: number;
}

/** What a reader has before the eyes. */
export interface Page {
  readonly order: readonly string[];
  readonly headings: readonly string[];
  readonly alerts: readonly { readonly kind: string; readonly text: string }[];
  readonly tables: readonly Table[];
  readonly folds: readonly { readonly title: string; readonly closed: boolean }[];
  readonly drawings: readonly Drawing[];
  readonly links: readonly string[];
  /** Elements that do something: none of ours do. */
  readonly acting: readonly string[];
  readonly words: string;
  /** Pixels by which the page is wider than the window. */
  readonly beyond: number;
}

const fileUrl = (path: string): string => pathToFileURL(path).href;
const require = createRequire(import.meta.url);
const mermaidFile = require.resolve('@mermaid-js/tiny');

/** A page as GitHub shows markdown, with less: what it would take out (scripts, for one) is left in, to be found. */
function html(markdown: string, folds: 'open' | 'as written'): string {
  // A line's end is one in comments and issues.
  const article = new Marked({ gfm: true, breaks: true }).parse(markdown, { async: false });
  return `<!doctype html><meta charset="utf-8"><style>${LOOK}</style>
<body data-folds="${folds === 'open' ? 'open' : ''}"><article>${article}</article></body>
<script src="${fileUrl(mermaidFile)}"></script><script src="${fileUrl(join(import.meta.dirname, 'look.js'))}"></script>`;
}

/** Shows markdown in a browser. @returns what is seen, and a picture of it */
export async function gitHubPage(
  browser: Browser,
  markdown: string,
  folds: 'open' | 'as written' = 'as written',
): Promise<{ readonly page: Page; readonly picture: Buffer }> {
  const { found, picture } = await browser.look(html(markdown, folds), WIDTH);
  return { page: found as Page, picture };
}
