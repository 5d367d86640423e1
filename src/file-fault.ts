/** Why a file cannot be read or written, in words: what Node says of it is for whoever wrote the program. */

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a directory, not a file',
}

const WRITE_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such directory',
  ENOTDIR: 'there is no such directory',
  EACCES: 'this user may not write there',
  EISDIR: 'it is a directory, not a file',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
}

export function readFault(error: unknown): string {
  return faultIn(READ_FAULTS, error)
}

export function writeFault(error: unknown): string {
  return faultIn(WRITE_FAULTS, error)
}

function faultIn(faults: Readonly<Record<string, string>>, error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return faults[code] ?? message
}
