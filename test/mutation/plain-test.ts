/**
 * Stands in for node:test while mutants are run: a test runs where it is declared, and the first that fails ends the process. With node:test the
 * others would still run, for seconds. For tests of pure rooms, which wait for nothing.
 */
type Body = () => unknown

export function describe(_name: string, body: Body): void {
  body()
}

export function test(name: string, body: Body): void {
  try {
    if (body() instanceof Promise) throw new Error(`${name} is asynchronous, which this runner does not know`)
  } catch (error) {
    console.log(name, error)
    process.exit(1)
  }
}
