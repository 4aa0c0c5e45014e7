// A square, small picture out of any that the browser can show: what stands beside the name of a contact.

/** Pixels of a side. */
const SIDE = 256;
/** Bytes that the engine takes. */
const MOST_BYTES = 16 * 1024;
/** What is tried, until it fits. */
const QUALITIES = [0.85, 0.7, 0.5, 0.3, 0.1];

/** Where the largest square in the middle of a picture is. */
export function squareOf(width: number, height: number): { x: number; y: number; side: number } {
  const side = Math.min(width, height);
  return { x: (width - side) / 2, y: (height - side) / 2, side };
}

/** Returns the middle of a picture as a JPEG in base64; nothing when it is no picture. */
export async function squareJpeg(file: Blob): Promise<string | null> {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return null;
  const { x, y, side } = squareOf(picture.width, picture.height);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [SIDE, SIDE];
  const context = canvas.getContext('2d');
  if (!context) return null;
  // A JPEG has no holes: what shines through is white.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, SIDE, SIDE);
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, x, y, side, side, 0, 0, SIDE, SIDE);
  picture.close();
  for (const quality of QUALITIES) {
    const [, text = ''] = canvas.toDataURL('image/jpeg', quality).split(',');
    if (text.length <= (MOST_BYTES / 3) * 4) return text;
  }
  return null;
}
