// A camera that sees a table with two cups: the machines that look at the screens have none, and two devices have one each way.

const [WIDTH, HEIGHT] = [1280, 960];

/** Lets the browser have two cameras, which see what is drawn here. */
export function recordCameras(): void {
  const devices = navigator.mediaDevices;
  const camera = (deviceId: string) => ({ deviceId, groupId: '', kind: 'videoinput', label: deviceId }) as MediaDeviceInfo;
  devices.enumerateDevices = () => Promise.resolve([camera('front'), camera('back')]);
  devices.getUserMedia = (wanted) => {
    const video = wanted?.video;
    if (typeof video !== 'object') return Promise.reject(new DOMException('none', 'NotFoundError'));
    return Promise.resolve(table(String(video.facingMode)));
  };
}

function table(facingMode: string): MediaStream {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const context = canvas.getContext('2d');
  if (context) draw(context);
  const stream = canvas.captureStream(10);
  for (const track of stream.getTracks()) track.getSettings = () => ({ facingMode });
  return stream;
}

function draw(context: CanvasRenderingContext2D) {
  context.fillStyle = '#c99b6a';
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.strokeStyle = '#b98a59';
  context.lineWidth = 6;
  for (let y = 90; y < HEIGHT; y += 160) {
    context.beginPath();
    context.moveTo(0, y);
    context.bezierCurveTo(WIDTH / 3, y - 26, (WIDTH * 2) / 3, y + 26, WIDTH, y);
    context.stroke();
  }
  round(context, 640, 500, 250, '#f4efe6');
  round(context, 640, 500, 190, '#e6dccb');
  for (const [x, y] of [[560, 450], [680, 430], [620, 540], [730, 540]] as const) round(context, x, y, 62, '#5b2a4c');
  for (const [x, y] of [[210, 260], [1080, 720]] as const) {
    round(context, x, y, 130, '#f8f5ef');
    round(context, x, y, 100, '#4a2c17');
  }
}

function round(context: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
