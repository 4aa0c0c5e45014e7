// How Svelte compiles the screens. `tree` makes elements one by one: no markup is ever parsed, so that Trusted Types have nothing to allow.

/** @type {import('@sveltejs/vite-plugin-svelte').SvelteConfig} */
export default {
  compilerOptions: { runes: true, fragments: 'tree' },
};
