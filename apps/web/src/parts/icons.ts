// The line drawings on controls: paths on a grid of 24, one line weight.

export const ICONS = {
  back: 'M15 5l-7 7 7 7',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20',
  more: 'M5.5 12h.01M12 12h.01M18.5 12h.01',
  send: 'M5 12h13M12.5 6l6 6-6 6',
  attach: 'M19 11.5l-7.6 7.4a4.6 4.6 0 0 1-6.5-6.5l8-7.9a3.1 3.1 0 0 1 4.4 4.4l-7.9 7.8a1.5 1.5 0 0 1-2.2-2.2l7-6.9',
  down: 'M6 10l6 6 6-6',
  reply: 'M9 6L4 11l5 5M4 11h10a6 6 0 0 1 6 6v1',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  open: 'M13.5 5H19v5.5M19 5l-8 8M10 6.5H5.5v12h12V14',
  edit: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  undo: 'M4 7v6h6M4.5 13A8 8 0 1 0 7 6.5L4 9.5',
  smile: 'M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM8.5 14a4.2 4.2 0 0 0 7 0M9 9.6v.2M15 9.6v.2',
  pause: 'M9 6v12M15 6v12',
  fetch: 'M12 4v11M7 10.5l5 5 5-5M5 20h14',
  resume: 'M8 5.5v13l10-6.5z',
  file: 'M6 3.5h8l4 4v13H6zM14 3.5v4h4',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  microphone: 'M12 15a3 3 0 0 0 3-3V7a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3zM6 11.5a6 6 0 0 0 12 0M12 17.5v3',
  bin: 'M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4z',
  turn: 'M4.5 11a7.5 7.5 0 0 1 13-4.2L20 9.5M20 4.5v5h-5M19.5 13a7.5 7.5 0 0 1-13 4.2L4 14.5M4 19.5v-5h5',
  share: 'M12 15V4M8 7.5L12 3.5l4 4M6 11H5v9.5h14V11h-1',
  device: 'M4.5 14.5v-9h14V8M3 18.5h9.5M15 11h5a1 1 0 0 1 1 1v7.5a1 1 0 0 1-1 1h-5a1 1 0 0 1-1-1V12a1 1 0 0 1 1-1zM17 17.8h1',
  home: 'M4.5 11.5L12 5l7.5 6.5M6.5 10v9.5h11V10',
  person: 'M12 11.5a3.7 3.7 0 1 0 0-7.4 3.7 3.7 0 0 0 0 7.4zM5 20a7 7 0 0 1 14 0',
  pin: 'M9 4h6l-.8 6 3.3 3.5H6.5L9.8 10zM12 13.5V20',
  muted: 'M6 16.5V11a6 6 0 0 1 9.5-4.9M18 10v6.5H8M10 19.5a2 2 0 0 0 4 0M4.5 4.5l15 15',
  archive: 'M4 5h16v4H4zM5.5 9v10.5h13V9M10 13h4',
  door: 'M6.5 20.5v-16h8v16M4 20.5h16M14.5 6l3.5 1.5v13M11.5 12.5v.1',
  settings: 'M4 7.5h9M17 7.5h3M15 9.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM4 16.5h3M11 16.5h9M9 18.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  meet: 'M10 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3.5 19.5a6.5 6.5 0 0 1 11.4-4.2M18.5 14v6M15.5 17h6',
} as const;

/** The name of a drawing. */
export type IconName = keyof typeof ICONS;

/** Drawings that point somewhere in the line of reading, and so turn round with it. */
export const POINTING: ReadonlySet<IconName> = new Set(['back', 'send', 'reply', 'undo', 'resume', 'open']);
