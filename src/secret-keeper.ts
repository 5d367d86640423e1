/**
 * Certificates, keys, passwords, tokens and lists of users: read from their files at the start, and again when a file changes. What
 * belongs together is taken into use together or not at all; while it has a fault, the old stays in force. Contents go to
 * whoever uses them and nowhere else: no log line, error or metric has any.
 */
import { readFileSync, statSync } from 'node:fs'
import { SECRET_FILE_BYTES_MAX } from './bounds.ts'
import { ConfigError, type Fault } from './config/config-error.ts'
import { FileWatch } from './config/watch.ts'
import { readFault } from './file-fault.ts'
import type { Counters } from './session/counters.ts'
import type { Logger } from './telemetry/logger.ts'

/** Files that make sense together only: a certificate and its key. */
export interface SecretUse {
  /** Where the configuration names them: `listen.tls`. */
  readonly section: string
  /** Their paths by the keys that name them there. */
  readonly files: Readonly<Record<string, string | undefined>>
  /**
   * Takes their texts into use, whole or not at all.
   * @throws RangeError with what is wrong in words for the operator, or what Node says of certificates and keys
   */
  readonly take: (texts: Readonly<Record<string, string>>) => void
}

interface Kept {
  readonly use: SecretUse
  readonly files: readonly (readonly [key: string, path: string])[]
  /** As they were read last, taken or not. */
  last: string
  isFaulty: boolean
}

export class SecretKeeper {
  readonly #logger: Logger
  readonly #counters: Pick<Counters, 'secretReloads' | 'secretsFaulty'>
  readonly #kept: Kept[] = []
  #watches: FileWatch[] = []

  constructor(logger: Logger, counters: Pick<Counters, 'secretReloads' | 'secretsFaulty'>) {
    this.#logger = logger
    this.#counters = counters
  }

  /** Reads all of them for the first time. @throws ConfigError with every fault */
  open(uses: readonly SecretUse[]): void {
    const faults: Fault[] = []
    for (const use of uses) {
      const files = Object.entries(use.files).filter((entry): entry is [string, string] => entry[1] !== undefined)
      const kept: Kept = { use, files, last: '', isFaulty: false }
      faults.push(...this.#read(kept))
      this.#kept.push(kept)
    }
    if (faults.length > 0) throw new ConfigError(faults)
  }

  /** From now on changes are noticed. */
  watch(): void {
    this.#watches = this.#kept.flatMap((kept) =>
      kept.files.map(([, path]) => new FileWatch({ path, changed: () => this.#changed(kept) })),
    )
  }

  close(): void {
    for (const watch of this.#watches) watch.close()
  }

  #changed(kept: Kept): void {
    const { section } = kept.use
    const before = kept.last
    const faults = this.#read(kept)
    if (kept.last === before) return
    kept.isFaulty = faults.length > 0
    this.#counters.secretsFaulty = this.#kept.filter(({ isFaulty }) => isFaulty).length
    if (faults.length === 0) {
      this.#counters.secretReloads.ok++
      const files = kept.files.map(([, path]) => path)
      this.#logger.log('secrets_reloaded', { section, files }, `${section}: its files have changed and are in use`)
      return
    }
    this.#counters.secretReloads.failed++
    for (const { path, message } of faults) {
      this.#logger.log('secrets_refused', { path }, `${path}: ${message}; what was read before stays in use`)
    }
  }

  /** Reads the files of one use; hands their texts on if they are other ones. */
  #read(kept: Kept): Fault[] {
    const { section, take } = kept.use
    const texts: Record<string, string> = {}
    const faults: Fault[] = []
    for (const [key, path] of kept.files) {
      try {
        texts[key] = readSecret(path)
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        faults.push({ path: `${section}.${key}`, line: 0, column: 0, message: error.message })
      }
    }
    const read = JSON.stringify([texts, faults])
    if (read === kept.last) return []
    kept.last = read
    if (faults.length > 0) return faults
    try {
      take(texts)
      return []
    } catch (error) {
      return [{ path: section, line: 0, column: 0, message: faultOf(error) }]
    }
  }
}

/** @throws RangeError */
export function readSecret(path: string): string {
  try {
    const stat = statSync(path)
    const { size } = stat
    // To read a pipe again would wait for whoever writes into it, and all traffic with us.
    if (!stat.isFile() && !stat.isDirectory()) throw new RangeError(`${path} is a pipe or a device, not a file`)
    if (size > SECRET_FILE_BYTES_MAX)
      throw new RangeError(`${path} has ${size} bytes; at most ${SECRET_FILE_BYTES_MAX}`)
    const text = readFileSync(path, 'utf8').replace(/^\ufeff/u, '') // some editors begin files with a mark
    if (text.trim() === '') throw new RangeError(`${path} is empty`)
    return text
  } catch (error) {
    if (error instanceof RangeError) throw error
    throw new RangeError(`cannot read ${path}: ${readFault(error)}`)
  }
}

const PEM_FAULTS: Readonly<Record<string, string>> = {
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'keyFile is not the key of the certificate in certFile',
  ERR_OSSL_X509_KEY_TYPE_MISMATCH: 'keyFile is not the key of the certificate in certFile',
  ERR_OSSL_PEM_NO_START_LINE:
    'certFile or keyFile is no PEM file (-----BEGIN …); openssl x509 -inform der makes one of DER',
  ERR_OSSL_PEM_BAD_END_LINE: 'certFile or keyFile is cut off',
  ERR_OSSL_PEM_BAD_BASE64_DECODE: 'certFile or keyFile is damaged',
  ERR_OSSL_BAD_PASSWORD_READ: 'keyFile is locked by a password; openssl pkey writes one without',
  ERR_MISSING_PASSPHRASE: 'keyFile is locked by a password; openssl pkey writes one without',
  ERR_OSSL_BAD_DECRYPT: 'keyFile is locked by a password; openssl pkey writes one without',
  ERR_OSSL_UNSUPPORTED: 'keyFile is damaged or cut off, or a key of a kind that is not known',
}

/** OpenSSL's own messages name places in its source; its codes say what is wrong. */
export function faultOf(error: unknown): string {
  if (error instanceof RangeError) return error.message
  const { code = '' } = error as NodeJS.ErrnoException
  if (!code.startsWith('ERR_')) throw error
  return PEM_FAULTS[code] ?? `certFile and keyFile cannot be used: ${code}`
}
