/**
 * What counts as an effect: the foreign functions that change something outside the process. Only these borders are
 * named here; where our code crosses them is found in the code itself.
 */

/** Functions by the module that they are imported from. Each has a twin that waits: `renameSync`. */
const files = ['appendFile', 'chmod', 'chown', 'copyFile', 'cp', 'link', 'mkdir', 'mkdtemp', 'rename', 'rm', 'rmdir'];
const moreFiles = ['symlink', 'truncate', 'unlink', 'utimes', 'writeFile'];
const everyFile = [...files, ...moreFiles];

const imported: Readonly<Record<string, ReadonlySet<string>>> = {
  'node:fs/promises': new Set(everyFile),
  'node:fs': new Set(everyFile.map((name) => `${name}Sync`)),
  'node:child_process': new Set(['spawn', 'execFile', 'spawnSync', 'execFileSync']),
};

/** Methods that nothing of our own is called like, whatever they are called on. `working` only asks for more time. */
const methods: ReadonlySet<string> = new Set([
  ...['publish', 'ack', 'nak', 'term', 'purge', 'deleteMessage'],
  ...['writeFile', 'sync'],
]);

/** Methods with everyday names, with what they are called on. */
const qualified =
  /(^|\.)#?(streams\.(add|update)|consumers\.add|bucket\.(create|put|delete)|kvm\.create|objm\.create|(channel|stream)\.write|client\.exec|db\.exec|process\.kill)$/;

/** The imported names of a module that are effects. */
export function isImportedEffect(module: string, name: string): boolean {
  return imported[module]?.has(name) ?? false;
}

/** `callee`: the text of a method call before its parenthesis, `this.` left out. */
export function isMethodEffect(callee: string): boolean {
  const dot = callee.lastIndexOf('.');
  return dot >= 0 && (methods.has(callee.slice(dot + 1)) || qualified.test(callee));
}
