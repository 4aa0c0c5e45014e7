// The person's devices as the worker has them, which of them are news, and how much of what was said before is still on its way here.

import type { Line } from '../lib/line';
import type { Device, HistoryWish, Link, LinkWords, Progress } from '../lib/worker/contract';

/** How long a device is news, in milliseconds. */
const NEWS_MS = 24 * 60 * 60 * 1000;

/** How far a new device is with what it is told. */
export interface Arriving {
  contacts: Progress;
  messages: Progress;
}

export class Devices {
  /** All that there are, those that are just being linked among them; none when there was never another one than this. */
  all = $state.raw<Device[]>([]);
  /** Whether they were read at least once. */
  known = $state(false);
  /** Devices that the person has been told of. */
  private understood = $state.raw<ReadonlySet<string>>(new Set());
  private readonly line: Line;

  constructor(line: Line) {
    this.line = line;
  }

  /** Those that are the person's. */
  get linked(): Device[] {
    return this.all.filter((device) => device.state.kind === 'linked');
  }

  /** The one that is just being linked. */
  get candidate(): Device | undefined {
    return this.all.find((device) => device.state.kind === 'waiting' || device.state.kind === 'compare');
  }

  /** How far this device is, when it is the new one and not everything has come. */
  get arriving(): Arriving | null {
    const from = this.all.find((device) => !device.isThis && device.contacts !== null);
    if (!from?.contacts) return null;
    const arriving = { contacts: from.contacts, messages: from.history ?? { told: 0, total: 0 } };
    return [arriving.contacts, arriving.messages].some(({ told, total }) => told < total) ? arriving : null;
  }

  /** Devices of which this one heard within a day, and which the person has not seen to. */
  news(now: number): Device[] {
    return this.all.filter((device) => isNews(device, now) && !this.understood.has(device.id ?? ''));
  }

  /** The person has seen that these are there. */
  understand(devices: Device[]): void {
    this.understood = new Set([...this.understood, ...devices.map((device) => device.id ?? '')]);
  }

  async refresh(): Promise<void> {
    this.all = (await this.line.ask({ kind: 'devices' })).devices;
    this.known = true;
  }

  /** A link for a device that the person has, on one that joins. */
  async askToJoin(deviceName: string, expires: number): Promise<Link> {
    return (await this.line.ask({ kind: 'ask_to_join', deviceName, expires })).link;
  }

  async join(link: string, deviceName: string): Promise<void> {
    await this.line.ask({ kind: 'join_device', link, deviceName });
  }

  /** Finds the link that a device of the person shows as words, and uses it. */
  async joinByWords(words: string, server: string, deviceName: string): Promise<void> {
    await this.line.ask({ kind: 'join_by_words', words, server, deviceName });
  }

  async confirmCode(): Promise<void> {
    await this.line.ask({ kind: 'confirm_code' });
  }

  /** A link for a new device, on one that the person has. */
  async link(deviceName: string, expires: number): Promise<Link> {
    return (await this.line.ask({ kind: 'link_device', deviceName, expires })).link;
  }

  /** A link in words for a new device, in the place of one that was made before, as soon as they lead somewhere. */
  async linkInWords(deviceName: string, expires: number): Promise<LinkWords> {
    return (await this.line.ask({ kind: 'link_in_words', deviceName, expires })).link;
  }

  async answer(link: string, deviceName: string): Promise<void> {
    await this.line.ask({ kind: 'answer_new_device', link, deviceName });
    await this.refresh();
  }

  async withdraw(): Promise<void> {
    await this.line.ask({ kind: 'withdraw_link' });
  }

  /** Takes words back that nobody sees any more, if nobody has used them yet. */
  async withdrawWords(): Promise<void> {
    await this.line.ask({ kind: 'withdraw_words' });
  }

  async welcome(device: number, password: string, history: HistoryWish): Promise<void> {
    await this.line.ask({ kind: 'welcome_device', device, password, history });
    await this.refresh();
  }

  async rename(device: string, password: string, name: string): Promise<void> {
    await this.line.ask({ kind: 'rename_device', device, password, name });
    await this.refresh();
  }

  async revoke(device: string, password: string, lost: boolean): Promise<void> {
    await this.line.ask({ kind: 'revoke_device', device, password, lost });
    await this.refresh();
  }

  /** Names this device to contacts that others of the person have met. */
  async nameThis(password: string): Promise<void> {
    await this.line.ask({ kind: 'name_device', password });
  }

  /**
   * Forgets all devices: Kith was locked. What the person has understood stays for as long as this page is open, and is kept nowhere:
   * whoever had an unlocked device in their hands for a moment could else hide for good that they linked one of theirs.
   */
  clear(): void {
    this.all = [];
    this.known = false;
  }
}

/** Whether a device was heard of within a day. */
export function isNews(device: Device, now: number): boolean {
  return device.state.kind === 'linked' && !device.isThis && device.heard !== null && now - device.heard < NEWS_MS;
}
