/** Certificates and passwords as files in a directory of one test. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Authority, type Certificate, type CertificateOptions } from './certificates.ts'
import type { Surroundings } from './surroundings.ts'

export class SecretFiles {
  readonly directory: string
  readonly authority: Authority = new Authority()

  constructor(context: Pick<Surroundings, 'after'>) {
    this.directory = mkdtempSync(join(tmpdir(), 'sluice-secrets-'))
    context.after(() => rmSync(this.directory, { recursive: true, force: true }))
  }

  /** Writes, or replaces at once as a renamed file does; returns the path. */
  write(name: string, text: string): string {
    const path = join(this.directory, name)
    writeFileSync(`${path}.new`, text, { mode: 0o600 })
    renameSync(`${path}.new`, path)
    return path
  }

  /** A certificate of our authority, unless another one signs it, as files. */
  issue(
    name: string,
    options: Partial<CertificateOptions> = {},
    authority: Authority = this.authority,
  ): { readonly certFile: string; readonly keyFile: string } {
    const issued = authority.issue({ subject: [['CN', name]], names: ['localhost', '127.0.0.1'], ...options })
    return this.writePair(name, issued)
  }

  writePair(name: string, { certificate, key }: Certificate): { readonly certFile: string; readonly keyFile: string } {
    return { certFile: this.write(`${name}.crt`, certificate), keyFile: this.write(`${name}.key`, key) }
  }

  get caFile(): string {
    return this.write('ca.crt', this.authority.certificate)
  }
}
