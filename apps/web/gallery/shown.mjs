// Which screens of the gallery are looked at, and what somebody has done on each before.

/** Each with its name, the recording behind it, and what is done before one looks. */
export const SCREENS = [
  ['start-name', 'start'],
  ['start-password', 'start', async (page) => { await page.getByTestId('start-name').fill('Sara'); await page.getByTestId('start-go').click(); await page.getByTestId('start-password').fill('plum cake on thursdays'); await page.getByTestId('start-again').fill('plum cake'); }],
  ['start-server', 'start', async (page) => { await page.getByTestId('start-name').fill('Sara'); await page.getByTestId('start-go').click(); await page.getByTestId('start-password').fill('plum cake on thursdays'); await page.getByTestId('start-again').fill('plum cake on thursdays'); await page.getByTestId('start-go').click(); await page.getByTestId('start-other').check(); await page.getByTestId('start-address').fill('kith.harbour.example'); await page.getByTestId('start-go').click(); await page.getByTestId('start-invite').waitFor(); }],
  ['locked', 'locked', async (page) => { await page.getByTestId('unlock-password').fill('garden'); await page.getByTestId('unlock-go').click(); }],
  ['elsewhere', 'elsewhere'],
  ['list', 'list'],
  ['search', 'list', async (page) => { await page.getByTestId('search').fill('bo'); await page.waitForTimeout(600); }],
  ['empty', 'empty'],
  ['conversation', 'conversation'],
  ['menu', 'conversation', async (page) => { await page.locator('[data-test=message]').nth(-2).focus(); await page.keyboard.press('Enter'); await page.waitForTimeout(200); }],
  ['voice', 'conversation', async (page) => { await page.getByTestId('message').last().waitFor(); await page.evaluate(upToVoice); await page.getByTestId('player').first().scrollIntoViewIfNeeded(); await page.waitForTimeout(600); }],
  ['preview', 'conversation', async (page) => { await page.getByTestId('preview').last().waitFor(); await page.getByTestId('preview').last().scrollIntoViewIfNeeded(); await page.waitForTimeout(400); }],
  ['recording', 'conversation', async (page) => { await page.evaluate(hum); await page.getByTestId('composer-record').click(); await page.getByTestId('recording').waitFor(); await page.waitForTimeout(1500); }],
  ['take-picture', 'conversation', async (page) => { await page.getByTestId('composer-camera').click(); await page.locator('[data-test=take-picture][data-stage=on]').waitFor(); await page.waitForTimeout(300); }],
  ['picture-taken', 'conversation', async (page) => { await page.getByTestId('composer-camera').click(); await page.locator('[data-test=take-picture][data-stage=on]').waitFor(); await page.waitForTimeout(300); await page.getByTestId('picture-press').click(); await page.getByTestId('picture-taken').waitFor(); await page.waitForTimeout(200); }],
  ['picture-denied', 'conversation', async (page) => { await page.evaluate(() => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError')))); await page.getByTestId('composer-camera').click(); await page.locator('[data-test=take-picture][data-stage=denied]').waitFor(); }],
  ['emoji', 'conversation', async (page) => { await page.locator('[data-test=message]').nth(-3).focus(); await page.keyboard.press('Enter'); await page.getByTestId('emoji-other').click(); await page.getByTestId('emoji').first().waitFor(); }],
  ['emoji-search', 'conversation', async (page) => { await page.locator('[data-test=message]').nth(-3).focus(); await page.keyboard.press('Enter'); await page.getByTestId('emoji-other').click(); await page.getByTestId('emoji').first().waitFor(); await page.getByTestId('emoji-search').fill('plum zebra'); await page.waitForTimeout(200); }],
  ['follow', 'conversation', async (page) => { await page.evaluate(() => globalThis.gallery.line.say(1, 'Look: https://bank.example@xn--bnk-rla.long-names.of-somebody-else.example/sign-in?token=4f1d0c2ab7')); await page.locator('[data-test=web-link]').last().click(); await page.getByTestId('web-yes').waitFor(); }],
  ['reply', 'conversation', async (page) => { await page.locator('[data-test=message]').last().focus(); await page.keyboard.press('Enter'); await page.getByRole('menuitem').first().click(); await page.getByTestId('composer-text').fill('Take your time. One line\nthen another\nthen a third'); await page.locator('[data-test=composer-file]').setInputFiles([{ name: 'A rather long file name for a plum cake recipe.txt', mimeType: 'text/plain', buffer: Buffer.from('plums') }]); await page.waitForTimeout(500); }],
  ['new-version', 'conversation', async (page) => { await page.evaluate(() => (globalThis.gallery.stores.version.ready = true)); await page.getByTestId('new-version').waitFor(); }],
  ['held', 'held'],
  ['needs-card', 'needs-card'],
  ['blocked', 'blocked'],
  ['trouble', 'trouble'],
  ['offline', 'offline'],
  ['long', 'long'],
  ['fresh', 'fresh'],
  ['contact', 'contact', async (page) => { await page.getByTestId('stop-own').click(); }],
  ['contact-picture', 'contact', async (page) => { await page.getByTestId('contact-picture').click(); await page.getByTestId('contact-picture-choose').waitFor(); }],
  ['media', 'contact', async (page) => { await page.getByTestId('media').scrollIntoViewIfNeeded(); await page.getByTestId('thumb').first().waitFor(); await page.waitForTimeout(400); }],
  ['contact-end', 'contact', async (page) => { await page.getByTestId('forget').scrollIntoViewIfNeeded(); }],
  ['forget', 'contact', async (page) => { await page.getByTestId('forget').click(); }],
  ['verify', 'verify'],
  ['meet', 'meet', async (page) => { await page.getByTestId('meet-give-name').fill('Theodora'); }],
  ['card', 'meet', async (page) => { await page.getByTestId('meet-give-name').fill('Theodora'); await page.getByTestId('meet-give-go').click(); await page.getByTestId('meet-link').waitFor(); }],
  ['take', 'take'],
  ['settings', 'settings'],
  ['settings-end', 'settings', async (page) => { await page.locator('a[href="/licences.txt"]').scrollIntoViewIfNeeded(); }],
  ['devices', 'devices'],
  ['devices-many', 'devices-many'],
  ['device-revoke', 'devices-many', async (page) => { await page.locator('[data-test=device-revoke]').last().click(); await page.getByTestId('device-lost').click(); await page.getByTestId('ask-password').fill('kitchen'); }],
  ['join', 'join'],
  ['join-show', 'join', async (page) => { await page.getByTestId('link-go').click(); await page.getByTestId('link-link').waitFor(); }],
  ['join-take', 'join', async (page) => { await page.getByTestId('link-side-take').click(); }],
  ['join-words', 'join', async (page) => { await page.getByTestId('link-side-take').click(); await page.getByTestId('link-words-type').click(); await page.getByTestId('link-words-typed').fill('abandon ability able about'); }],
  ['join-words-wrong', 'join', async (page) => { await page.getByTestId('link-side-take').click(); await page.getByTestId('link-words-type').click(); await page.getByTestId('link-words-typed').fill('abandon ability kitchenette'); await page.getByTestId('link-go').click(); await page.locator('[aria-invalid=true]').waitFor(); }],
  ['join-looking', 'join-looking'],
  ['join-compare', 'join-compare', async (page) => { await page.locator('[data-test=link-same]:enabled').waitFor(); }],
  ['link', 'link'],
  ['link-show', 'link', async (page) => { await page.getByTestId('link-go').click(); await page.getByTestId('link-link').waitFor(); }],
  ['link-preparing', 'link-preparing', async (page) => { await page.getByTestId('link-words-show').click(); await page.getByTestId('link-withdraw').waitFor(); }],
  ['link-words', 'link', async (page) => { await page.getByTestId('link-words-show').click(); await page.getByTestId('link-words').waitFor(); }],
  ['link-compare', 'link-compare', async (page) => { await page.locator('[data-test=link-same]:enabled').waitFor(); }],
  ['link-welcome', 'link-compare', async (page) => { await page.getByTestId('link-same').click(); await page.getByTestId('link-password').fill('kitchen'); }],
  ['removed', 'removed'],
  ['left-behind', 'left-behind'],
  ['backup', 'backup'],
  ['phrase', 'phrase', async (page) => { await page.getByTestId('phrase-show').click(); await page.getByTestId('ask-password').fill('kitchen'); await page.getByTestId('ask-go').click(); await page.getByTestId('phrase-words').waitFor(); }],
  ['phrase-check', 'phrase', async (page) => { await page.getByTestId('phrase-show').click(); await page.getByTestId('ask-password').fill('kitchen'); await page.getByTestId('ask-go').click(); await page.getByTestId('phrase-written').click(); await page.locator('[data-test=phrase-word]').first().fill('zebra'); await page.locator('[data-test=phrase-word]').nth(1).fill('able'); await page.locator('[data-test=phrase-word]').nth(2).fill('able'); await page.getByTestId('phrase-check').click(); }],
  ['restore', 'start', async (page) => { await page.getByTestId('start-restore').click(); await page.getByTestId('restore-file').setInputFiles([{ name: 'kith-backup-2026-11-12.kith', mimeType: '', buffer: Buffer.from('plums') }]); await page.getByTestId('restore-phrase').fill('abandon ability'); await page.getByTestId('restore-go').click(); }],
  ['restore-server', 'start', async (page) => { await page.getByTestId('start-restore').click(); await page.getByTestId('restore-file').setInputFiles([{ name: 'kith-backup-2026-11-12.kith', mimeType: '', buffer: Buffer.from('plums') }]); await page.getByTestId('restore-phrase').fill('abandon ability able about above absent'); await page.getByTestId('restore-go').click(); await page.getByTestId('start-password').fill('plum cake on thursdays'); await page.getByTestId('start-again').fill('plum cake on thursdays'); await page.getByTestId('restore-go').click(); await page.getByTestId('link-name').waitFor(); }],
  ['start-join', 'start', async (page) => { await page.getByTestId('start-join').click(); }],
  ['restore-start', 'start', async (page) => { await page.getByTestId('start-restore').click(); }],
  ['restore-password', 'start', async (page) => { await page.getByTestId('start-restore').click(); await page.getByTestId('restore-file').setInputFiles([{ name: 'kith-backup-2026-11-12.kith', mimeType: '', buffer: Buffer.from('plums') }]); await page.getByTestId('restore-phrase').fill('abandon ability able about above absent'); await page.getByTestId('restore-go').click(); await page.getByTestId('start-password').fill('plum cake'); }],
  ['restore-home', 'start', async (page) => { await page.getByTestId('start-restore').click(); await page.getByTestId('restore-from-home').click(); }],
  ['restore-which', 'start', async (page) => { await page.getByTestId('start-restore').click(); await page.getByTestId('restore-from-home').click(); await page.getByTestId('restore-address').fill('kith.linden.example'); await page.getByTestId('restore-phrase').fill('abandon ability able about above absent'); await page.getByTestId('restore-go').click(); await page.getByTestId('restore-found').first().waitFor(); }],
  ['restore-agree', 'start', async (page) => { await page.getByTestId('start-restore').click(); await page.getByTestId('restore-from-home').click(); await page.getByTestId('restore-address').fill('kith.linden.example'); await page.getByTestId('restore-phrase').fill('abandon ability able about above absent'); await page.getByTestId('restore-go').click(); await page.getByTestId('restore-found').first().waitFor(); await page.getByTestId('restore-go').click(); await page.getByTestId('restore-agree').waitFor(); }],
  ['join-offline', 'join-offline'],
  ['join-waiting', 'join-waiting'],
  ['join-said', 'join-said'],
  ['join-leave', 'join', async (page) => { await page.getByTestId('join-leave').click(); }],
  ['link-take', 'link', async (page) => { await page.getByTestId('link-side-take').click(); }],
  ['link-waiting', 'link-waiting'],
  ['link-ready', 'link-ready', async (page) => { await page.getByTestId('link-same').click(); await page.getByTestId('link-password').fill('kitchen'); }],
  ['link-done', 'link-ready', async (page) => { await page.getByTestId('link-same').click(); await page.getByTestId('link-password').fill('kitchen'); await page.getByTestId('link-welcome').click(); await page.getByTestId('link-done').waitFor(); }],
  ['arriving', 'arriving'],
  ['device-rename', 'devices-many', async (page) => { await page.locator('[data-test=device-rename]').first().click(); }],
  ['removed-erase', 'removed', async (page) => { await page.getByTestId('erase').click(); }],
  ['backup-never', 'backup-never'],
  ['phrase-why', 'phrase'],
  ['reminded', 'reminded'],
  ['restored', 'restored'],
  ['refused-another', 'refused-another'],
  ['restored-told', 'restored-told'],
  ['from-home', 'from-home'],
  ['not-named', 'not-named'],
  ['offline-list', 'offline-list'],
  ['unsupported', 'unsupported'],
  ['devices-news', 'devices-news'],
];

/** In the page: goes up in the conversation until something to listen to is among what is drawn. */
async function upToVoice() {
  const box = document.querySelector('.scroller');
  for (let step = 0; step < 100 && !document.querySelector('[data-test=player]'); step += 1) {
    box.scrollBy(0, -150);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** In the page: a microphone that hears somebody hum. The machines that look have none. */
function hum() {
  const sounds = new AudioContext();
  const voice = sounds.createOscillator();
  const heard = sounds.createMediaStreamDestination();
  voice.connect(heard);
  voice.start();
  navigator.mediaDevices.getUserMedia = () => sounds.resume().then(() => heard.stream);
}

/** Carries out what is done on a screen before one looks at it. */
export async function prepare(page, act) {
  await page.waitForFunction(() => document.querySelector('h1, header'));
  await page.evaluate(() => document.fonts.ready);
  await act?.({ getByTestId: (id) => page.locator(`[data-test=${id}]`), locator: (what) => page.locator(what), getByRole: (...role) => page.getByRole(...role), keyboard: page.keyboard, evaluate: (what) => page.evaluate(what), waitForTimeout: (time) => page.waitForTimeout(time) });
}
