// A square, small picture out of any that the browser can show: what stands beside the name of a contact.

/** Pixels of a side. */
const SIDE = 256;
/** Bytes that the engine takes. */
const MOST_BYTES = 16 * 1024;
/** Bytes of a file that is read, and pixels of a picture that is decoded: what good cameras make. A small file may hold a picture without end. */
const MOST_READ = 32 * 1024 * 1024;
const MOST_PIXELS = 64_000_000;
/** What is tried, until it fits. */
const QUALITIES = [0.85, 0.7, 0.5, 0.3, 0.1];

/** Where the largest square in the middle of a picture is. */
export function squareOf(width: number, height: number): { x: number; y: number; side: number } {
  const side = Math.min(width, height);
  return { x: (width - side) / 2, y: (height - side) / 2, side };
}

/** Returns the middle of a picture as a JPEG in base64; nothing when it is no picture, or a larger one than is decoded for this. */
export async function squareJpeg(file: Blob): Promise<string | null> {
  if (file.size > MOST_READ) return null;
  const address = URL.createObjectURL(file);
  try {
    const picture = await loaded(address);
    // How large it is says its head; it is decoded when it is drawn.
    return picture.naturalWidth * picture.naturalHeight > MOST_PIXELS ? null : drawn(picture);
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(address);
  }
}

function loaded(address: string): Promise<HTMLImageElement> {
  return new Promise((done, failed) => {
    const picture = new Image();
    picture.onload = () => done(picture);
    picture.onerror = failed;
    picture.src = address;
  });
}

function drawn(picture: HTMLImageElement): string | null {
  const { x, y, side } = squareOf(picture.naturalWidth, picture.naturalHeight);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [SIDE, SIDE];
  const context = canvas.getContext('2d');
  if (!context || side === 0) return null;
  // A JPEG has no holes: what shines through is white.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, SIDE, SIDE);
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, x, y, side, side, 0, 0, SIDE, SIDE);
  for (const quality of QUALITIES) {
    const [, text = ''] = canvas.toDataURL('image/jpeg', quality).split(',');
    if (text.length <= (MOST_BYTES / 3) * 4) return text;
  }
  return null;
}
