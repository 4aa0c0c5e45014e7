// What scripts/papers.mjs offers, for the configuration.

import type { Plugin } from 'vite';

export function buildPapers(): Plugin;
