// The time as the screens see it: it moves every twenty seconds, which is often enough for "Today" and "Waits here".

const STEP_MS = 20_000;

class Clock {
  now = $state(Date.now());

  constructor() {
    setInterval(() => (this.now = Date.now()), STEP_MS);
  }
}

export const clock = new Clock();
