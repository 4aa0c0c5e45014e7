// A voice note while it is spoken: the microphone, how long, how loud. What was recorded stays on this page until it is sent or thrown away.

import { quietName, refusalOf, type Refused } from './capture';

/** The longest voice note, in milliseconds: at some 32 kbit/s it is under 4 MiB. */
export const LONGEST_MS = 15 * 60 * 1000;
/** How often the loudness is looked at, in milliseconds. */
const LOOK_MS = 100;
const BITS_PER_SECOND = 32_000;
/** What is recorded; the first that the browser can. */
const TYPES = ['audio/webm;codecs=opus', 'audio/mp4;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus'] as const;

/** Whether this browser can record at all. */
export function canRecord(): boolean {
  return typeof navigator.mediaDevices?.getUserMedia === 'function' && 'MediaRecorder' in globalThis && typeOf() !== null;
}

function typeOf(): string | null {
  return TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? null;
}

/** A recording that goes on. */
export class Recording {
  private readonly stream: MediaStream;
  private readonly recorder: MediaRecorder;
  private readonly sound: AudioContext;
  private readonly pieces: Blob[] = [];
  private readonly looking: ReturnType<typeof setInterval>;
  private readonly began = performance.now();

  /** Asks for the microphone and begins. `heard` is told, ten times a second, how long it goes on and how loud it is, from 0 to 1; `full` that the time is over. */
  static async begin(heard: (milliseconds: number, loudness: number) => void, full: () => void): Promise<Recording | Refused> {
    const type = typeOf();
    if (type === null) return 'none';
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 }, video: false });
      return new Recording(stream, type, heard, full);
    } catch (thrown) {
      return refusalOf(thrown);
    }
  }

  private constructor(stream: MediaStream, type: string, heard: (milliseconds: number, loudness: number) => void, full: () => void) {
    this.stream = stream;
    this.recorder = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: BITS_PER_SECOND });
    this.recorder.addEventListener('dataavailable', (event) => this.pieces.push(event.data));
    this.sound = new AudioContext();
    const analyser = this.sound.createAnalyser();
    analyser.fftSize = 1024;
    this.sound.createMediaStreamSource(stream).connect(analyser);
    const samples = new Uint8Array(analyser.fftSize);
    this.looking = setInterval(() => {
      analyser.getByteTimeDomainData(samples);
      heard(this.milliseconds, loudnessOf(samples));
      if (this.milliseconds >= LONGEST_MS && this.recorder.state === 'recording') {
        this.recorder.pause();
        full();
      }
    }, LOOK_MS);
    this.recorder.start();
  }

  private get milliseconds(): number {
    return Math.min(LONGEST_MS, performance.now() - this.began);
  }

  /** Ends it and returns the file. Its name tells nobody when or where it was spoken. */
  async end(): Promise<File> {
    const stopped = new Promise((done) => this.recorder.addEventListener('stop', done, { once: true }));
    this.recorder.stop();
    await stopped;
    this.letGo();
    const type = this.recorder.mimeType.replace(/\s/g, '') || 'audio/webm;codecs=opus';
    return new File(this.pieces, quietName('voice', endingOf(type)), { type });
  }

  /** Throws it away. */
  drop(): void {
    if (this.recorder.state !== 'inactive') this.recorder.stop();
    this.letGo();
    this.pieces.length = 0;
  }

  private letGo(): void {
    clearInterval(this.looking);
    for (const track of this.stream.getTracks()) track.stop();
    void this.sound.close().catch(() => undefined);
  }
}

function endingOf(type: string): string {
  if (type.startsWith('audio/mp4')) return 'm4a';
  return type.startsWith('audio/ogg') ? 'ogg' : 'webm';
}

/** The loudest of these samples, from 0 to 1; silence is 128. */
export function loudnessOf(samples: Uint8Array): number {
  let most = 0;
  for (const sample of samples) most = Math.max(most, Math.abs(sample - 128));
  return Math.min(1, most / 128);
}

/** The loudness of a whole sound in so many parts, the loudest of which is 1. */
export function peaksOf(samples: Float32Array, count: number): number[] {
  const length = Math.max(1, Math.floor(samples.length / count));
  const peaks = Array.from({ length: count }, (_, part) => {
    let most = 0;
    for (let at = part * length; at < (part + 1) * length; at += 1) most = Math.max(most, Math.abs(samples[at] ?? 0));
    return most;
  });
  const loudest = Math.max(...peaks);
  return loudest > 0 ? peaks.map((peak) => peak / loudest) : peaks;
}

/** Whether a file is one that somebody has spoken. */
export function isVoiceNote(name: string): boolean {
  return /^voice-[0-9a-f]{4}\.(webm|m4a|ogg)$/.test(name);
}
