/** What a command says that starts the system, with what that waits for. */
export function startNote(what: string): string {
  return `starting the system (./vm-task down stops it), ${what}`;
}
