// What a browser is called among a person's devices, until they say otherwise: its own name and the machine's.

interface Brands {
  userAgentData?: { brands?: { brand: string }[]; platform?: string };
}

const BROWSERS: [RegExp, string][] = [
  [/Firefox\//, 'Firefox'],
  [/Edg\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Chrome\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const MACHINES: [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Mac OS X/, 'Mac'],
  [/Windows/, 'Windows'],
  [/Linux|X11/, 'Linux'],
];

/** Returns a name like "Firefox, Linux". It is the same word in every language. */
export function machineName(agent: string, data?: Brands['userAgentData']): string {
  const known = (all: [RegExp, string][]) => all.find(([sign]) => sign.test(agent))?.[1];
  const machine = known(MACHINES) ?? data?.platform ?? '';
  return [known(BROWSERS) ?? 'Kith', machine].filter(Boolean).join(', ');
}

/** The name of this browser. */
export function thisMachine(): string {
  return machineName(navigator.userAgent, (navigator as Brands).userAgentData);
}
