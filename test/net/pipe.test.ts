// What a pipe says of the freshness of the bytes it reads; the session bounds the age of requests by it.
import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { Pipe } from '../../src/net/pipe.ts'

interface Watched {
  readonly pipe: Pipe
  /** When the kernel was said to be empty, by `emptied`. */
  readonly emptied: number[]
  /** Bytes that the next offer leaves. */
  leave: number
}

/** A pipe whose target takes everything at once. */
function watch(): Watched {
  const emptied: number[] = []
  const watched: Watched = {
    emptied,
    leave: 0,
    pipe: new Pipe({
      offer: (_bytes, _view, _from, to) => to - watched.leave,
      blocked: () => false,
      caughtUp: () => undefined,
      emptied: (atMs) => emptied.push(atMs),
      wantTarget: () => true,
      settled: () => undefined,
    }),
  }
  watched.pipe.connectTarget(new Socket())
  return watched
}

/** A read of `bytes` bytes, or of all the room there is. */
function read({ pipe }: Watched, bytes?: number): void {
  pipe.onRead(bytes ?? pipe.nextBuffer().length)
}

describe('a pipe that reads', () => {
  test('tells that the kernel was empty after a read that did not fill its room, with the time of that read', () => {
    const watched = watch()
    read(watched, 100)
    const readAtMs = watched.pipe.lastReadAtMs
    read(watched, 100)
    assert.deepEqual(watched.emptied, [readAtMs])
  })

  test('does not tell it after a read that filled its room: more may have waited', () => {
    const watched = watch()
    read(watched)
    read(watched, 100)
    assert.deepEqual(watched.emptied, [])
  })

  test('does not tell it while bytes are left over: they are older', () => {
    const watched = watch()
    watched.leave = 10
    read(watched, 100)
    read(watched, 100)
    assert.deepEqual(watched.emptied, [])
  })
})

test('while a write is pending it changes its buffer once, however often a source with TLS still reads', () => {
  const offered: number[] = []
  const pipe = new Pipe({
    offer: (_bytes, _view, from, to) => {
      offered.push(to - from)
      return to
    },
    blocked: () => false,
    caughtUp: () => undefined,
    emptied: () => undefined,
    wantTarget: () => true,
    settled: () => undefined,
  })
  const target = new Socket()
  let taken: (() => void) | undefined
  let pending = 0
  Object.defineProperty(target, 'writableLength', { get: () => pending })
  target.write = (_bytes: unknown, done: unknown) => {
    taken = done as () => void
    return false
  }
  const first = pipe.nextBuffer().buffer
  pipe.connectTarget(target)
  pending = 1
  pipe.onRead(100)
  const second = pipe.nextBuffer().buffer
  assert.notEqual(second, first, 'the target still writes from the first')
  for (let i = 0; i < 3; i++) {
    pipe.onRead(100)
    assert.equal(pipe.nextBuffer().buffer, second)
  }
  pending = 0
  taken?.()
  assert.deepEqual(offered, [100, 300])
})
