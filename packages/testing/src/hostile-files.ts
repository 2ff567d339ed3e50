/** A file server of one folder with one file, over SFTP, that may answer any request in another way than it should. */
import { type Attributes, type SFTPWrapper, utils } from 'ssh2';

const { STATUS_CODE } = utils.sftp;

/** The answer to one request, by its number. */
export type Answer = (server: SFTPWrapper, request: number, ...rest: readonly unknown[]) => void;

export type FileAnswers = Partial<
  Record<'REALPATH' | 'OPENDIR' | 'READDIR' | 'LSTAT' | 'STAT' | 'OPEN' | 'READ' | 'CLOSE', Answer>
>;

const handle = Buffer.from('h');
const regular = 0o100644;
const folder = 0o040755;

export function attributes(size: number, mode = regular): Attributes {
  return { mode, size, uid: 0, gid: 0, atime: 0, mtime: 0 };
}

export function entry(filename: string, mode = regular, size = 5) {
  return { filename, longname: '', attrs: attributes(size, mode) };
}

export const folderMode = folder;

/** To be an attack's `sftp`. The folder has `out.txt` with five bytes. */
export function serveFiles(changes: FileAnswers): (server: SFTPWrapper) => void {
  return (server) => {
    let listed = false;
    let read = false;
    const honest: Required<FileAnswers> = {
      REALPATH: (s, id) => s.name(id, [entry('/work')]),
      OPENDIR: (s, id) => {
        listed = false;
        s.handle(id, handle);
      },
      READDIR: (s, id) => {
        if (listed) return s.status(id, STATUS_CODE.EOF);
        listed = true;
        s.name(id, [entry('out.txt')]);
      },
      LSTAT: (s, id) => s.attrs(id, attributes(5)),
      STAT: (s, id) => s.attrs(id, attributes(5)),
      OPEN: (s, id) => {
        read = false;
        s.handle(id, handle);
      },
      READ: (s, id) => {
        if (read) return s.status(id, STATUS_CODE.EOF);
        read = true;
        s.data(id, Buffer.from('hello'));
      },
      CLOSE: (s, id) => s.status(id, STATUS_CODE.OK),
    };
    for (const [name, answer] of Object.entries({ ...honest, ...changes })) {
      server.on(name as 'READ', (id: number, ...rest: unknown[]) => answer(server, id, ...rest));
    }
  };
}

export const withoutAnswer: Answer = () => undefined;
export const answeringOk: Answer = (server, request) => server.status(request, STATUS_CODE.OK);
export const answeringAttributes: Answer = (server, request) => server.attrs(request, attributes(5));
export const answeringData: Answer = (server, request) => server.data(request, Buffer.from('data'));
export const answeringHandle: Answer = (server, request) => server.handle(request, handle);
