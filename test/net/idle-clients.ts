/** Opens connections and never says a word: a process of its own, so that it has file descriptors of its own. Port and count are its arguments. */
import { once } from 'node:events'
import { connect } from 'node:net'

const AT_ONCE = 200
const [port, count] = process.argv.slice(2).map(Number) as [number, number]

for (let open = 0; open < count; open += AT_ONCE) {
  await Promise.all(
    Array.from({ length: AT_ONCE }, () =>
      once(
        connect({ host: '127.0.0.1', port }).on('error', () => undefined),
        'connect',
      ),
    ),
  )
}
process.send?.(count)
