/** What released versions have written is read by this one, whole and as what it was. */
import { type Course, courseAfter, maySpeak } from '@vm-task/shared/course';
import { eventSchemas } from '@vm-task/shared/events';
import { expect, test } from 'vitest';
import { readReleasedLog, releasedVersions } from './released-log.ts';
import { storedIn } from './stored.ts';

const jsonOf = (data: Uint8Array) => JSON.parse(Buffer.from(data).toString('utf8')) as Record<string, unknown>;

test.each(releasedVersions)('what %s has stored is read, and nothing of it is lost', (version) => {
  for (const message of readReleasedLog(version)) {
    const { type, data } = storedIn(message);
    const written = jsonOf(message.data);
    expect(type).toBe(message.headers?.get('ce-type'));
    if (data.v === written['v']) expect(data).toEqual(written);
  }
});

test.each(releasedVersions)('the tasks of %s are over', (version) => {
  const courses = new Map<string, Course>();
  for (const message of readReleasedLog(version)) {
    const event = storedIn(message);
    if (event.type === 'vm.gone' || event.type === 'alert.raised' || !('task' in event.data)) continue;
    const before = courses.get(event.data.task) ?? null;
    if (event.type === 'task.setup.done') continue;
    expect(maySpeak(before, event), `${event.type} of ${version}`).toBe(true);
    courses.set(event.data.task, courseAfter(before, event));
  }
  expect(courses.size).toBeGreaterThan(0);
  expect([...courses.values()].filter(({ phase }) => phase !== 'over')).toEqual([]);
});

test('every type of event, in every version, is in the log of some release', () => {
  const stored = releasedVersions.flatMap((version) =>
    readReleasedLog(version).map(({ headers, data }) => `${headers?.get('ce-type')}@${jsonOf(data)['v']}`),
  );
  const known = Object.entries(eventSchemas).flatMap(([type, { shape }]) =>
    Array.from({ length: Math.max(...shape.v.values) }, (_, older) => `${type}@${older + 1}`),
  );
  expect(known.filter((one) => !stored.includes(one))).toEqual([]);
});
