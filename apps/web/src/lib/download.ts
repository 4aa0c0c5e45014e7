// Gives bytes to the person as a file. Nothing of them is ever opened by the page itself.

/** Starts a download of bytes under a name. The name goes to the browser, which keeps it from being a path. */
export function download(bytes: Blob, name: string): void {
  const address = URL.createObjectURL(bytes);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser has taken the blob by the next turns; a minute is long for that and short for memory.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
