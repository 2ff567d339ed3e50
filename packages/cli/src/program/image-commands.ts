/** Images: built, imported, listed, removed. */
import { type DiskFormat, diskFormats } from '@vm-task/hypervisor/images/inspect-disk';
import { Option } from 'commander';
import { buildImages, importImageFile, listImages, removeImageVersions } from '../commands/image.ts';
import type { Define } from './define.ts';

export function imageCommands(define: Define): void {
  define(
    'build [names...]',
    'build images from their recipes, where something they are made of has changed',
    (context, names) => buildImages(context, names),
  );
  define('import <name> <file>', 'take a disk file as an image', (context, [name = '', file = ''], options) =>
    importImageFile(context, { name, file, format: options['format'] as DiskFormat }),
  ).addOption(new Option('--format <format>', 'what the file is').choices(diskFormats).makeOptionMandatory());
  define('list', 'images of this home', (context) => listImages(context));
  define('rm <names...>', 'remove images (name or name@version) that nothing uses', (context, names) =>
    removeImageVersions(context, names),
  );
}
