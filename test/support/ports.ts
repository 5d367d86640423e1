/** Free ports for tests: the harness's own way of finding them. */
export { freePort } from '../../src/demo/kafka/ports.ts'
