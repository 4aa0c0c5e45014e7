// The pictures that the recorded person has chosen for some of the contacts: a hill by the sea, and a cat.

/** Contacts who have one. */
export const PICTURED = new Set([2, 3]);

const SIDE = 192;

/** A contact's picture as the worker gives it: a JPEG in base64. */
export function portrait(contact: number): string {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [SIDE, SIDE];
  const context = canvas.getContext('2d');
  if (context) (contact === 2 ? cat : hill)(context);
  return canvas.toDataURL('image/jpeg', 0.8).split(',')[1] ?? '';
}

function hill(context: CanvasRenderingContext2D) {
  const sky = context.createLinearGradient(0, 0, 0, SIDE);
  sky.addColorStop(0, '#8fb9cf');
  sky.addColorStop(0.6, '#f3d9b1');
  fill(context, sky, () => context.rect(0, 0, SIDE, SIDE));
  fill(context, '#fbf3df', () => context.arc(134, 62, 22, 0, 2 * Math.PI));
  fill(context, '#3f6f74', () => context.rect(0, 124, SIDE, 68));
  fill(context, '#4e7350', () => {
    context.moveTo(0, 150);
    context.bezierCurveTo(40, 70, 84, 64, 128, 150);
  });
  fill(context, '#385a3f', () => {
    context.moveTo(60, SIDE);
    context.bezierCurveTo(100, 110, 150, 104, SIDE, 168);
    context.lineTo(SIDE, SIDE);
  });
}

function cat(context: CanvasRenderingContext2D) {
  fill(context, '#d9c7ee', () => context.rect(0, 0, SIDE, SIDE));
  fill(context, '#4b3b57', () => context.ellipse(96, 200, 62, 78, 0, 0, 2 * Math.PI));
  fill(context, '#4b3b57', () => context.arc(96, 98, 48, 0, 2 * Math.PI));
  for (const side of [-1, 1]) {
    fill(context, '#4b3b57', () => {
      context.moveTo(96 + side * 46, 92);
      context.lineTo(96 + side * 44, 34);
      context.lineTo(96 + side * 10, 58);
    });
    fill(context, '#f2d36b', () => context.ellipse(96 + side * 20, 94, 8, 10, 0, 0, 2 * Math.PI));
    fill(context, '#1f1626', () => context.ellipse(96 + side * 20, 94, 3, 9, 0, 0, 2 * Math.PI));
  }
  fill(context, '#e7a7b6', () => context.arc(96, 116, 5, 0, 2 * Math.PI));
}

function fill(context: CanvasRenderingContext2D, style: string | CanvasGradient, path: () => void) {
  context.fillStyle = style;
  context.beginPath();
  path();
  context.fill();
}
