import { describe, expect, test } from 'vitest';

import { linkWritten, linksOf, piecesOf } from './links';

/** What is an address in a text, as it is written there. */
const written = (text: string) => piecesOf(text).flatMap((piece) => (piece.link ? [piece.text] : []));
const hosts = (text: string) => linksOf(text).map((link) => link.host);

describe('addresses in texts', () => {
  test.each([
    ['See https://example.org/a?b=c#d', 'https://example.org/a?b=c#d'],
    ['(https://example.org)', 'https://example.org'],
    ['https://example.org/Plum_(fruit), and so on', 'https://example.org/Plum_(fruit)'],
    ['(see https://example.org/Plum_(fruit)).', 'https://example.org/Plum_(fruit)'],
    ['[https://example.org/a].', 'https://example.org/a'],
    ['“https://example.org/a”', 'https://example.org/a'],
    ['<https://example.org/a>', 'https://example.org/a'],
    ['Is it https://example.org/a?!…', 'https://example.org/a'],
    ['هل رأيت https://example.org/a؟', 'https://example.org/a'],
    ['HTTPS://EXAMPLE.ORG/A', 'HTTPS://EXAMPLE.ORG/A'],
    ['one\nhttp://127.0.0.1:8080/a\ntwo', 'http://127.0.0.1:8080/a'],
    ['https://example.org/?next=https://example.net', 'https://example.org/?next=https://example.net'],
  ])('in %j', (text, address) => {
    expect(written(text)).toEqual([address]);
  });

  test.each([
    'javascript:alert(1)',
    'data:text/html,hello',
    'file:///etc/passwd',
    'ftp://example.org',
    'intent://example.org#Intent;end',
    'view-source:x https:// x',
    'https://',
    'https://.',
    'http://[::1',
    'http://exa%mple.org',
    'xhttps://example.org',
    'example.org',
    `https://example.org/${'a'.repeat(2048)}`,
  ])('%.40s is none', (text) => {
    expect(linksOf(text)).toEqual([]);
  });

  test('the pieces together are the text, whatever it is', () => {
    const parts = ['https://example.org', 'http://a.b/(c', ')', '.', ' ', '\u202e', '\n', 'é', '😀', 'https://', '[', ']', '@'];
    for (let turn = 0; turn < 2000; turn += 1) {
      const text = Array.from({ length: 6 }, (_, place) => parts[(turn * 7919 + place * place * 31 + ((turn * 31) >> place)) % parts.length]).join('');
      expect(piecesOf(text).map((piece) => piece.text).join('')).toBe(text);
    }
  });

  test('nobody is sent to another host than is named', () => {
    expect(hosts('https://bank.example@evil.example/')).toEqual(['evil.example']);
    expect(hosts('https://bank.example:443@evil.example')).toEqual(['evil.example']);
    expect(hosts('https://bank.example%2f@evil.example')).toEqual(['evil.example']);
    expect(hosts('https://good.example\\@evil.example')).toEqual(['good.example']);
    expect(hosts('https://good.example#@evil.example')).toEqual(['good.example']);
    expect(hosts('http://0x7f.1/')).toEqual(['127.0.0.1']);
    expect(hosts('https://example.org:8443/')).toEqual(['example.org:8443']);
  });

  test('what may be taken for the host is said to be none', () => {
    expect(linksOf('https://bank.example@evil.example/')[0]).toEqual({ address: 'https://bank.example@evil.example/', host: 'evil.example', disguised: true });
    expect(linksOf('https://example.org/@ana')[0]?.disguised).toBe(false);
  });

  test('letters that look like others are shown as what they are', () => {
    expect(hosts('https://аррӏе.com/')).toEqual(['xn--80ak6aa92e.com']);
    expect(hosts('https://bücher.example/')).toEqual(['xn--bcher-kva.example']);
    // Also when it was asked before, and often.
    for (let turn = 0; turn < 20_000; turn += 1) linksOf('https://example.org/a');
    expect(hosts('https://bücher.example/')).toEqual(['xn--bcher-kva.example']);
    expect(linksOf('https://example.org/é')[0]?.address).toBe('https://example.org/%C3%A9');
    expect(linksOf('https://bücher.example/é?ü#ö')[0]?.address).toMatch(/^[\x21-\x7e]+$/);
  });

  test('signs that turn a line round end an address', () => {
    expect(written('https://example.org/\u202egpj.exe')).toEqual(['https://example.org/']);
    expect(written('https://exam\u200bple.org')).toEqual(['https://exam']);
    expect(written('https://example.org/\u2066a\u2069')).toEqual(['https://example.org/']);
  });

  test('an address is whole, and not the beginning of another one', () => {
    const bank = 'https://bank.example';
    for (const text of [`${bank}.evil.example/`, `${bank}@evil.example`, `${bank}:443@evil.example`, `x${bank}`, `https://evil.example/?${bank}`, `${bank}-sign-in.example`]) {
      expect(linkWritten(text, bank), text).toBeNull();
    }
    expect(linkWritten(`(${bank}).`, bank)?.host).toBe('bank.example');
    expect(linkWritten(`https://evil.example ${bank}`, bank)?.host).toBe('bank.example');
  });

  test('brackets that are opened before an address are counted once, however many there are', () => {
    const address = `https://e.example/${'('.repeat(900)}${')'.repeat(900)}`;
    expect(written(`${address}${')'.repeat(100)}`)).toEqual([address]);
    const many = Array.from({ length: 13 }, () => `https://${')'.repeat(2030)}`).join(' ');
    for (let turn = 0; turn < 200; turn += 1) expect(linksOf(many)).toEqual([]);
  });

  test('a text of nothing but brackets takes no time to speak of', () => {
    const text = `https://example.org/${')'.repeat(28_000)} ${'https://a('.repeat(2_000)}`;
    expect(linksOf(text)).toEqual([]);
  });

  test('an address that stands twice is one', () => {
    expect(linksOf('https://example.org/a https://example.org/a https://example.org/b').map((link) => link.address)).toEqual(['https://example.org/a', 'https://example.org/b']);
  });
});
