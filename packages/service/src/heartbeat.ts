/** Tells a supervisor, where there is one that listens, that the event loop turns. */

/** The supervisor waits for ten of them. */
const everyMs = 1_000;

export function startHeartbeat(): void {
  if (process.send === undefined) return;
  // A supervisor that has died hears nothing, and is missed by nobody.
  const beat = () => {
    if (process.connected) process.send?.('turned', undefined, undefined, () => undefined);
  };
  beat();
  setInterval(beat, everyMs).unref();
}
