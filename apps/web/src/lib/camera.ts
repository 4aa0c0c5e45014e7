// The cameras of this device: shown in a video element, and pictures of what is seen. They stay on this page until they are sent or thrown away,
// and so never lie in the gallery of a phone, where whoever takes the phone would find them.

import { quietName } from './capture';

/** Which way a camera looks: away from the person, or at them. */
export type Facing = 'environment' | 'user';

/** How wide a picture is wanted to be, in dots: what a good screen shows, and some 500 KiB. A camera that has less gives less. */
const WIDTH = 2560;
const QUALITY = 0.88;

/** Whether this browser gives pages a camera at all. */
export function hasCamera(): boolean {
  return typeof navigator.mediaDevices?.getUserMedia === 'function';
}

/** How many cameras there are. Browsers tell that there are any before they were asked for one, and how many afterwards. */
export async function countCameras(): Promise<number> {
  if (!hasCamera()) return 0;
  const devices = await navigator.mediaDevices.enumerateDevices().catch((): MediaDeviceInfo[] => []);
  return devices.filter((device) => device.kind === 'videoinput').length;
}

/** Shows a camera in a video element until `signal` says stop, and returns which way it looks, if it knows. Fails when there is no camera or none is allowed. */
export async function showCamera(video: HTMLVideoElement, wanted: { facing: Facing; width?: number }, signal: AbortSignal): Promise<Facing | null> {
  const { facing, width = WIDTH } = wanted;
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing, width: { ideal: width } }, audio: false });
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    // Another camera may be shown there by now.
    if (video.srcObject === stream) video.srcObject = null;
  };
  signal.addEventListener('abort', stop);
  if (signal.aborted) {
    stop();
    return null;
  }
  video.srcObject = stream;
  try {
    await video.play();
  } catch (thrown) {
    stop();
    throw thrown;
  }
  const looks = stream.getVideoTracks()[0]?.getSettings().facingMode;
  return looks === 'environment' || looks === 'user' ? looks : null;
}

/** Takes a picture of what a video element shows. */
export async function takePicture(video: HTMLVideoElement): Promise<File> {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/jpeg', QUALITY));
  if (!blob) throw new Error('the camera shows nothing yet');
  return new File([blob], quietName('picture', 'jpg'), { type: 'image/jpeg' });
}
