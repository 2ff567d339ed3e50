import { expect, test } from 'vitest';
import { findEffects } from './find-effects.ts';

const namesIn = (source: string) => findEffects(source).calls.map(({ name }) => name);

test('an imported effect is found by its module, whatever it is called here', () => {
  const source = `
    import { readFile, rename as move } from 'node:fs/promises';
    export async function keep(path: string): Promise<void> {
      await readFile(path);
      await move(path, 'kept');
    }`;
  expect(namesIn(source)).toEqual(['keep.rename']);
});

test('a function of that name from elsewhere is no effect', () => {
  expect(namesIn(`import { rename } from './rename.ts'; rename('a', 'b');`)).toEqual([]);
});

test('a method is found by its name, and by what it is called on where the name is an everyday one', () => {
  const source = `
    class Writer {
      #channel: Channel;
      async #store({ js, seen }: Parts): Promise<void> {
        seen.add(1);
        await js.publish('a.b', '');
        this.#channel.write('x');
        out.write('y');
      }
    }
    const stop = async (message: Message) => {
      await jsm.consumers.add('EVENTS', {});
      await message.ack();
    };`;
  expect(namesIn(source)).toEqual(['store.publish', 'store.write', 'stop.add', 'stop.ack']);
});

test('the second one in a function has a number, and a callback without a name belongs to the function around it', () => {
  const source = `
    import { rm } from 'node:fs/promises';
    export async function clear(names: string[]) {
      await rm('first');
      await Promise.all(names.map((name) => rm(name)));
    }`;
  expect(namesIn(source)).toEqual(['clear.rm', 'clear.rm-2']);
});
