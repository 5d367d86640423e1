/** Reads the entries of a zip archive (a jar) that lies in memory. Enough for jars: stored and deflated, no zip64. */

import { inflateRawSync } from 'node:zlib'

const END_OF_DIRECTORY = 0x06054b50
const END_OF_DIRECTORY_BYTES = 22
const DIRECTORY_ENTRY_BYTES = 46
const LOCAL_HEADER_BYTES = 30

function directoryStart(archive: Buffer): { offset: number; entries: number } {
  for (let at = archive.length - END_OF_DIRECTORY_BYTES; at >= 0; at--) {
    if (archive.readUInt32LE(at) === END_OF_DIRECTORY) {
      return { offset: archive.readUInt32LE(at + 16), entries: archive.readUInt16LE(at + 10) }
    }
  }
  throw new Error('not a zip archive: no end of central directory')
}

function content(archive: Buffer, local: number, method: number, packedBytes: number): Buffer {
  const from = local + LOCAL_HEADER_BYTES + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
  const packed = archive.subarray(from, from + packedBytes)
  if (method === 0) return packed
  if (method === 8) return inflateRawSync(packed)
  throw new Error(`zip compression method ${method} is not supported`)
}

/** The entries whose names pass `wanted`, unpacked, by name. */
export function readZip(archive: Buffer, wanted: (name: string) => boolean): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  const directory = directoryStart(archive)
  let at = directory.offset
  for (let entry = 0; entry < directory.entries; entry++) {
    const nameBytes = archive.readUInt16LE(at + 28)
    const name = archive.toString('utf8', at + DIRECTORY_ENTRY_BYTES, at + DIRECTORY_ENTRY_BYTES + nameBytes)
    if (wanted(name)) {
      const local = archive.readUInt32LE(at + 42)
      found.set(name, content(archive, local, archive.readUInt16LE(at + 10), archive.readUInt32LE(at + 20)))
    }
    at += DIRECTORY_ENTRY_BYTES + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
  return found
}
