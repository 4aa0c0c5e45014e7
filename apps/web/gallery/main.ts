// Mounts the app on a recorded conversation. What is shown stands in the address: ?screen=conversation&lang=ar&theme=dark.

import { mount } from 'svelte';

import '../src/look/tokens.css';
import '../src/look/base.css';
import App from '../src/App.svelte';
import { preferences } from '../src/state/preferences.svelte';
import { Stores } from '../src/state/stores.svelte';
import { words } from '../src/state/words.svelte';
import { isLanguage } from '../src/texts/catalog';
import { recordCameras } from './camera';
import { RecordedLine } from './recorded';
import { placeFor, type ScreenName } from './places';

const asked = new URLSearchParams(location.search);
const theme = asked.get('theme');
const lang = asked.get('lang') ?? 'en';
const screen = (asked.get('screen') ?? 'list') as ScreenName;

preferences.choose({ theme: theme === 'dark' ? 'dark' : 'light', language: isLanguage(lang) ? lang : 'en', lockAfter: 0 });
preferences.follow();
await words.speak(preferences.language);

recordCameras();

const line = new RecordedLine(screen, lang === 'ar' ? 'ar' : 'en');
const stores = new Stores(line);
// What is recorded is kept nowhere.
stores.version.follow = () => Promise.resolve();
const place = placeFor(screen);
history.replaceState(place ? { place, depth: 0 } : null, '');

const target = document.getElementById('app');
if (target) mount(App, { target, props: { stores } });
Object.assign(globalThis, { gallery: { stores, line } });
