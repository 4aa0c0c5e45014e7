// Where the app begins: one line to the worker, the look, the language, and the screens.

import { mount } from 'svelte';

import './look/tokens.css';
import './look/base.css';
import App from './App.svelte';
import { Kith } from './lib/worker/kith';
import { preferences } from './state/preferences.svelte';
import { Stores } from './state/stores.svelte';
import { words } from './state/words.svelte';

const target = document.getElementById('app');
if (!target) throw new Error('the page has no place for the app');

preferences.follow();
// A language whose catalog cannot be fetched is no reason to show nothing: English is always here.
await words.speak(preferences.language).catch(() => undefined);
mount(App, { target, props: { stores: new Stores(new Kith()) } });
