// How the app is built: no inlined assets, no polyfills that run from strings, and beside the files a word about which build this is.

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

import { buildPapers } from './scripts/papers.mjs';

export default defineConfig({
  plugins: [svelte(), buildPapers()],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
