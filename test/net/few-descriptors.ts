/** A sluice in a process of its own that its parent starts with few file descriptors; tells its port. */
import { startSluice } from '../../src/app.ts'
import { collectingLogger, plainConfig } from './scene.ts'

const upstream = { host: '127.0.0.1', port: Number(process.argv[2]) }
const sluice = await startSluice(plainConfig([upstream]), { logger: collectingLogger([]) })
process.on('disconnect', () => sluice.kill())
process.send?.(sluice.listen.port)
