import { expect, test } from 'vitest';

import type { Line } from '../lib/line';
import type { Device } from '../lib/worker/contract';
import { Devices } from './devices.svelte';

const NOW = 1_000_000_000;

function linked(id: string): Device {
  return { id, link: null, name: id, isThis: false, heard: NOW - 1000, state: { kind: 'linked' } } as unknown as Device;
}

test('a new device that the person has seen to is no news after Kith was locked and opened, and another one is', async () => {
  const found = [linked('laptop')];
  const devices = new Devices({ ask: () => Promise.resolve({ kind: 'devices', devices: found }) } as unknown as Line);
  await devices.refresh();
  devices.understand(devices.news(NOW));
  devices.clear();
  expect(devices.all).toEqual([]);
  found.push(linked('tablet'));
  await devices.refresh();
  expect(devices.news(NOW).map((device) => device.name)).toEqual(['tablet']);
});
