// Times, sizes and spans as people say them, in their language. No texts of our own but by catalog: see state/words.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

/** How long something takes or lasts: a number and its unit. */
export interface Span {
  n: number;
  unit: 'minutes' | 'hours' | 'days' | 'weeks';
}

/** Returns the largest unit in which these seconds are a whole number; never less than a minute. */
export function spanOf(seconds: number): Span {
  if (seconds >= WEEK && seconds % WEEK === 0) return { n: seconds / WEEK, unit: 'weeks' };
  if (seconds >= DAY && seconds % DAY === 0) return { n: seconds / DAY, unit: 'days' };
  if (seconds >= HOUR && seconds % HOUR === 0) return { n: seconds / HOUR, unit: 'hours' };
  return { n: Math.max(1, Math.round(seconds / MINUTE)), unit: 'minutes' };
}

const kept = new Map<string, Intl.DateTimeFormat>();

function dates(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  let format = kept.get(key);
  if (!format) kept.set(key, (format = new Intl.DateTimeFormat(language, options)));
  return format;
}

/** The time of day: 14:20. */
export function timeOfDay(language: string, at: number): string {
  return dates(language, { hour: '2-digit', minute: '2-digit' }).format(at);
}

/** Days between the calendar days of two times: 0 on the same day, 1 when `at` was the day before. */
export function daysAgo(at: number, now: number): number {
  const midnight = (time: number) => new Date(time).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / (DAY * 1000));
}

/** A day in full: the weekday within the last week, else with its date; the year only when it is another one. */
export function dayName(language: string, at: number, now: number): string {
  const ago = daysAgo(at, now);
  if (ago > 1 && ago < 7) return dates(language, { weekday: 'long' }).format(at);
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  if (sameYear) return dates(language, { weekday: 'short', day: 'numeric', month: 'long' }).format(at);
  return dates(language, { day: 'numeric', month: 'long', year: 'numeric' }).format(at);
}

/** A time in as little room as a list has: the hour today, the weekday this week, else the date. */
export function shortTime(language: string, at: number, now: number): string {
  const ago = daysAgo(at, now);
  if (ago <= 0) return timeOfDay(language, at);
  if (ago < 7) return dates(language, { weekday: 'short' }).format(at);
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  if (sameYear) return dates(language, { day: 'numeric', month: 'short' }).format(at);
  return dates(language, { day: 'numeric', month: 'numeric', year: '2-digit' }).format(at);
}

/** A day and a time of day, in full. */
export function fullTime(language: string, at: number): string {
  return dates(language, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(at);
}

/** The same with its year: for what may be long ago. */
export function datedTime(language: string, at: number): string {
  return dates(language, { day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' }).format(at);
}

/** A day without a time of day. `at` is midnight in Greenwich. */
export function plainDay(language: string, at: number): string {
  return dates(language, { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' }).format(at);
}

/** How long ago, or how long until: "in 3 hours". */
export function relative(language: string, at: number, now: number): string {
  const seconds = Math.round((at - now) / 1000);
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const size = Math.abs(seconds);
  if (size < HOUR) return format.format(Math.round(seconds / MINUTE), 'minute');
  if (size < DAY) return format.format(Math.round(seconds / HOUR), 'hour');
  return format.format(Math.round(seconds / DAY), 'day');
}

/** A number of days: "21 days". */
export function daysOf(language: string, days: number): string {
  return new Intl.NumberFormat(language, { style: 'unit', unit: 'day', unitDisplay: 'long' }).format(days);
}

/** How long a sound is, as a clock tells it: 1:05. */
export function clockOf(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.floor(seconds) : 0;
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / HOUR);
  const minutes = Math.floor((whole % HOUR) / MINUTE);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % MINUTE)}` : `${minutes}:${two(whole % MINUTE)}`;
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;

/** A number of bytes, in steps of a thousand, with at most one decimal. */
export function sizeOf(language: string, bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return new Intl.NumberFormat(language, { style: 'unit', unit: UNITS[unit] ?? 'byte', unitDisplay: unit === 0 ? 'long' : 'short', maximumFractionDigits: digits }).format(value);
}
