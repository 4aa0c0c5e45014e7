// What is looked at inside of a page, by its own clock. Each of these functions is carried into the page, and may use nothing from here.

/** Says when something is there for the first time and painted, counted from the beginning of the visit: to the console, for whatever asks a page takes time from it. */
export function sayWhenThere({ wanted, word }) {
  const look = () => {
    if (document.querySelector(wanted)) requestAnimationFrame(() => setTimeout(() => console.log(word, performance.now())));
    else requestAnimationFrame(look);
  };
  look();
}

/** Presses a control; returns the milliseconds until something is there and painted. */
export async function press({ control, text, wanted }) {
  const frame = () => new Promise(requestAnimationFrame);
  const one = [...document.querySelectorAll(control)].find((element) => !text || element.textContent.includes(text));
  const began = performance.now();
  one.click();
  while (!document.querySelector(wanted)) await frame();
  await frame();
  return performance.now() - began;
}

/** In the worker: notes when each frame comes from the home server. */
export function noteFrames() {
  const Plain = globalThis.WebSocket;
  globalThis.framesAt = [];
  globalThis.WebSocket = class extends Plain {
    constructor(...words) {
      super(...words);
      this.addEventListener('message', ({ data }) => globalThis.framesAt.push([performance.timeOrigin + performance.now(), data.byteLength ?? data.length]));
    }
  };
}

/** Returns when a text is painted, by the clock that workers have as well. */
export async function paintedAt(text) {
  const frame = () => new Promise(requestAnimationFrame);
  const shown = () => [...document.querySelectorAll('[data-test="message"]')].slice(-3).some((one) => one.textContent.includes(text));
  while (!shown()) await frame();
  // The picture that has it is drawn in this turn; what comes after the turn comes after the picture.
  await new Promise((done) => setTimeout(done));
  return performance.timeOrigin + performance.now();
}

/** Scrolls through the conversation that is open; says how even that is, and whether there were holes or jumps. */
export async function scrollThrough() {
  const frame = () => new Promise(requestAnimationFrame);
  const box = document.querySelector('.scroller');
  const frames = [];
  let holes = 0;
  for (let step = 0; step < 240; step += 1) {
    const before = performance.now();
    box.scrollTop -= 90;
    await frame();
    frames.push(performance.now() - before);
    const seen = [...document.querySelectorAll('.unread-yet')].some((one) => {
      const at = one.getBoundingClientRect();
      return at.bottom > 0 && at.top < innerHeight;
    });
    holes += seen ? 1 : 0;
  }
  // Somewhere far away, as somebody does who drags the scroll bar.
  const dragged = performance.now();
  box.scrollTop = box.scrollHeight / 2;
  const shown = () =>
    [...document.querySelectorAll('[data-test=message]')].some((one) => {
      const at = one.getBoundingClientRect();
      return at.top > 100 && at.bottom < innerHeight;
    });
  do await frame();
  while (!shown());
  const arrived = performance.now() - dragged;
  // What is under the eye stays under the eye when the rows around it are measured.
  const probe = () => [...document.querySelectorAll('[data-message]')].map((one) => [one.dataset.message, one.getBoundingClientRect().top]).find(([, top]) => top > 200);
  let jumps = 0;
  for (let step = 0; step < 60; step += 1) {
    const [id, top] = probe();
    box.scrollTop -= 40;
    await frame();
    await frame();
    const now = document.querySelector(`[data-message="${id}"]`)?.getBoundingClientRect().top;
    if (now !== undefined && Math.abs(now - top - 40) > 2) jumps += 1;
  }
  frames.sort((a, b) => a - b);
  return { median: frames[120], longest: frames.at(-1), holes, arrived, jumps, rows: document.querySelectorAll('[data-place]').length };
}
