// How the app is built: no inlined assets, no polyfills that run from strings, and beside the files a word about which build this is.

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

import { buildPapers } from './scripts/papers.mjs';

/** What nobody needs to begin lies apart: the service worker keeps it when a page asks for that (src/lib/later.ts). */
function nameOf(module: string): string {
  if (module.includes('/src/lib/emoji/')) return 'assets/later/emoji-[name]-[hash].js';
  return module.includes('/node_modules/jsqr/') ? 'assets/later/codes-[hash].js' : 'assets/[name]-[hash].js';
}

export default defineConfig({
  plugins: [svelte(), buildPapers()],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { chunkFileNames: ({ facadeModuleId }) => nameOf(facadeModuleId ?? '') } },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
