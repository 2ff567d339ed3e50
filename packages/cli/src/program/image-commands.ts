/** Images: built, imported, listed, removed. Loaded when it is asked for, with the hypervisor. */
import { type DiskFormat, diskFormats } from '@vm-task/hypervisor/images/disk-formats';
import { Option } from 'commander';
import { type Define, onMachine } from './define.ts';

const images = () => import('../commands/image.ts');

export function imageCommands(define: Define): void {
  define(
    'build [names...]',
    'build images from their recipes, where something they are made of has changed',
    async (context, names) => (await images()).buildImages(onMachine(context), names),
  );
  define('import <name> <file>', 'take a disk file as an image', async (context, [name = '', file = ''], options) =>
    (await images()).importImageFile(onMachine(context), { name, file, format: options['format'] as DiskFormat }),
  ).addOption(new Option('--format <format>', 'what the file is').choices(diskFormats).makeOptionMandatory());
  define('list', 'images of this home', async (context) => (await images()).listImages(onMachine(context)));
  define('rm <names...>', 'remove images (name or name@version) that nothing uses', async (context, names) =>
    (await images()).removeImageVersions(onMachine(context), names),
  );
}
