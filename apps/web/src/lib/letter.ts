// A conversation as a page that any browser shows: readable, without scripts, with nothing fetched from anywhere. Whatever people wrote stays text.

/** One line of it. */
export interface Line {
  day: string;
  time: string;
  who: string;
  mine: boolean;
  text: string;
  note: string;
  /** Where the file lies that belongs to it, beside the page, and why it does not. */
  file: { name: string; path: string | null; missing: string } | null;
}

const STYLE =
  'body{max-width:44rem;margin:2rem auto;padding:0 1rem;font:16px/1.45 system-ui,sans-serif;color:#1f1b16;background:#faf7f2}' +
  'h1{font-size:1.5rem}h2{margin:2rem 0 .5rem;font-size:.9rem;color:#655e53;text-align:center}' +
  'p{margin:.5rem 0;padding:.5rem .9rem;border:1px solid #e6dfd4;border-radius:14px;background:#fff;overflow-wrap:anywhere;white-space:pre-wrap}' +
  '.mine{background:#ddf0eb;margin-inline-start:3rem}.theirs{margin-inline-end:3rem}small{display:block;color:#655e53}' +
  '@media(prefers-color-scheme:dark){body{color:#efeae2;background:#141311}p{background:#1d1b18;border-color:#2e2a25}.mine{background:#173a34}h2,small{color:#a79f92}a{color:#5cc4b2}}';

/** The beginning of the page. */
export function head(title: string, language: string, direction: 'ltr' | 'rtl'): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:";
  return (
    `<!doctype html><html lang="${plain(language)}" dir="${direction}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<meta http-equiv="Content-Security-Policy" content="${policy}"><title>${plain(title)}</title><style>${STYLE}</style></head><body><h1 dir="auto">${plain(title)}</h1>`
  );
}

/** One message; `before` is the one before it. */
export function lineOf(line: Line, before: Line | null): string {
  const day = before?.day === line.day ? '' : `<h2>${plain(line.day)}</h2>`;
  const file = line.file ? fileOf(line.file) : '';
  const about = `<small dir="auto">${plain(line.who)} · ${plain(line.time)}${line.note ? ` · ${plain(line.note)}` : ''}</small>`;
  return `${day}<p class="${line.mine ? 'mine' : 'theirs'}" dir="auto">${about}${plain(line.text)}${file}</p>`;
}

/** The end of the page. */
export const END = '</body></html>';

/** What anybody wrote, so that it stays text. */
export function plain(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function fileOf({ name, path, missing }: NonNullable<Line['file']>): string {
  if (path === null) return `<small dir="auto">${plain(name)}${missing ? ` · ${plain(missing)}` : ''}</small>`;
  return `<small dir="auto"><a href="${plain(path.split('/').map(encodeURIComponent).join('/'))}">${plain(name)}</a></small>`;
}
