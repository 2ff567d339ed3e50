/** One at a time and at load, of anything that takes a task from its beginning to its end. */

export type RunTask = () => Promise<void>;

/** Milliseconds of each task, one after the other. */
export async function oneAtATime(run: RunTask, tasks: number): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < tasks; n++) {
    const begin = performance.now();
    await run();
    took.push(performance.now() - begin);
  }
  return took;
}

/** Tasks per second, `atOnce` of them in flight all the while. */
export async function atLoad(run: RunTask, tasks: number, atOnce: number): Promise<number> {
  let left = tasks;
  const worker = async () => {
    while (left-- > 0) await run();
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (tasks * 1_000) / (performance.now() - begin);
}
