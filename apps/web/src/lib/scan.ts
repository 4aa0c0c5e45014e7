// Reads QR codes from a camera: with the browser's own reader where there is one, else with one that is fetched when it is wanted.
// Pictures stay on this page and are forgotten at once.

import { showCamera } from './camera';

/** How often a picture is looked at, in milliseconds. */
const EVERY_MS = 180;
/** The longer side of the picture that the fetched reader is given: enough for a card, and quick on a phone. */
const SIDE = 800;

/** How wide a picture is wanted to be, in dots. */
const WIDTH = 1280;

/** Reads one picture; none when there is no code in it. */
type Reader = (video: HTMLVideoElement) => Promise<string | null>;

interface DetectorClass {
  new (options: { formats: string[] }): { detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]> };
  getSupportedFormats(): Promise<string[]>;
}

/** Shows the camera in a video element until `signal` says stop, and tells the first code that it reads. Fails when there is no camera or none is allowed. */
export async function scan(video: HTMLVideoElement, signal: AbortSignal, found: (text: string) => void): Promise<void> {
  await showCamera(video, { facing: 'environment', width: WIDTH }, signal);
  const read = await reader();
  while (!signal.aborted) {
    const text = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA ? await read(video).catch(() => null) : null;
    if (text !== null && !signal.aborted) return found(text);
    await new Promise((next) => setTimeout(next, EVERY_MS));
  }
}

/** Whether the browser reads codes itself. */
export async function readsCodes(): Promise<boolean> {
  return (await ownReader()) !== null;
}

async function ownReader(): Promise<DetectorClass | null> {
  const Detector = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  const formats = (await Detector?.getSupportedFormats().catch((): string[] => [])) ?? [];
  return Detector && formats.includes('qr_code') ? Detector : null;
}

async function reader(): Promise<Reader> {
  const Detector = await ownReader();
  if (Detector) {
    const detector = new Detector({ formats: ['qr_code'] });
    return async (video) => (await detector.detect(video))[0]?.rawValue ?? null;
  }
  const { default: jsQr } = await import('jsqr');
  const canvas = document.createElement('canvas');
  return async (video) => {
    const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context || canvas.width === 0) return null;
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    return jsQr(data, width, height, { inversionAttempts: 'dontInvert' })?.data ?? null;
  };
}
