// What a person does in the app, by the names that its controls have for tests.

const SLOW = 60_000;

export class Person {
  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(SLOW);
  }

  at(name) {
    return this.page.locator(`[data-test="${name}"]`);
  }

  /** The first visit, to the end. */
  async begin(name, password) {
    await this.at('start-name').fill(name);
    // The steps may be on one page or on several.
    if (!(await this.at('start-password').isVisible())) await this.at('start-go').click();
    await this.at('start-password').fill(password);
    await this.at('start-again').fill(password);
    await this.at('start-go').click();
    const meet = this.at('meet').first();
    await meet.or(this.at('start-go')).first().waitFor();
    if (await this.at('start-go').isVisible().catch(() => false)) await this.at('start-go').click({ timeout: 2000 }).catch(() => {});
    await meet.waitFor();
  }

  /** The first visit of somebody who has Kith on another device, until this one shows how to link the two. */
  async beginToJoin(password) {
    await this.at('start-join').click();
    await this.at('start-password').fill(password);
    await this.at('start-again').fill(password);
    await this.at('start-go').click();
    await this.at('start-go').click();
    await this.at('link-side-show').waitFor();
  }

  /** Says on the new device that both show the same code. */
  async saysTheSame() {
    await this.at('link-same').click();
    await this.at('join-said').waitFor();
  }

  /** Goes from the list to the screen on which devices are linked. */
  async toLink() {
    await this.toDevices();
    await this.at('link-device').click();
    await this.at('link-side-show').waitFor();
  }

  async toDevices() {
    await this.at('settings').click();
    await this.at('devices').click();
    await this.at('link-device').waitFor();
  }

  /** Shows the recovery phrase, and shows that it is written down. Returns its words; ends where backups are. */
  async writeDownPhrase(password) {
    await this.at('phrase').click();
    await this.at('phrase-show').click();
    await this.at('ask-password').fill(password);
    await this.at('ask-go').click();
    await this.at('phrase-words').waitFor();
    const words = (await this.at('phrase-words').locator('li').allInnerTexts()).map((text) => text.replace(/[^a-z]/g, ''));
    await this.at('phrase-written').click();
    await this.at('phrase-word').first().waitFor();
    for (const field of await this.at('phrase-word').all()) await field.fill(words[Number(await field.getAttribute('data-place')) - 1]);
    await this.at('phrase-check').click();
    await this.at('backup-new').waitFor();
    return words;
  }

  /** The twenty digits that this device shows. */
  async code() {
    await this.at('link-code').waitFor();
    return (await this.at('link-code').innerText()).replaceAll(/\D/g, '');
  }

  /** Makes the device that shows the same code one of this person's. */
  async welcome(password, history) {
    await this.at('link-same').click();
    await this.at(`link-history-${history}`).click();
    await this.at('link-password').fill(password);
    await this.at('link-welcome').click();
    await this.at('link-done').waitFor();
  }

  /** The first visit, with a home server that is somebody else's. */
  async fillStart(name, password, server) {
    await this.at('start-name').fill(name);
    await this.at('start-go').click();
    await this.at('start-password').fill(password);
    await this.at('start-again').fill(password);
    await this.at('start-go').click();
    // There is only this way where the app comes from a program that is no home server.
    const address = this.at('start-address');
    await this.at('start-other').or(address).first().waitFor();
    if (!(await address.isVisible())) await this.at('start-other').check();
    await address.fill(server);
    await this.at('start-go').click();
  }

  /** Makes a card for somebody and returns its link. */
  async giveCard(name) {
    await this.at('meet').first().click();
    await this.at('meet-give-name').fill(name);
    await this.at('meet-give-go').click();
    const link = this.at('meet-link');
    await link.waitFor();
    return link.inputValue();
  }

  async acceptCard(link, name) {
    await this.at('meet').first().click();
    const side = this.at('meet-side-take');
    if (await side.isVisible().catch(() => false)) await side.click();
    await this.at('meet-accept-link').fill(link);
    await this.at('meet-accept-name').fill(name);
    await this.at('meet-accept-go').click();
  }

  async open(name) {
    await this.at('list-item').filter({ hasText: name }).first().click();
    await this.at('composer-text').waitFor();
  }

  async say(text) {
    await this.at('composer-text').fill(text);
    await this.at('composer-send').click();
    await this.message(text).waitFor();
  }

  message(text) {
    return this.at('message').filter({ hasText: text });
  }

  /** Waits until a message of the person's own has come so far. */
  async reaches(text, state) {
    const far = { accepted: ['accepted', 'delivered', 'read'], delivered: ['delivered', 'read'], read: ['read'] }[state];
    const marks = far.map((one) => `[data-test="message"][data-state="${one}"]`).join(', ');
    await this.page.locator(marks).filter({ hasText: text }).first().waitFor();
  }

  async lock() {
    await this.at('lock').first().click();
    await this.at('unlock-password').waitFor();
  }

  async unlock(password) {
    await this.at('unlock-password').fill(password);
    await this.at('unlock-go').click();
  }
}
