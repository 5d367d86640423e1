/**
 * X.509 certificates made on the spot, with whatever fault a test needs: authorities, servers, clients, expired ones. DER is written by
 * hand because Node signs but builds no certificates, and tools for it are not everywhere. Keys are elliptic (P-256).
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

const DAY_MS = 86_400_000
const OBJECT_IDENTIFIERS = {
  CN: [0x55, 4, 3],
  C: [0x55, 4, 6],
  L: [0x55, 4, 7],
  ST: [0x55, 4, 8],
  O: [0x55, 4, 10],
  OU: [0x55, 4, 11],
  emailAddress: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
  basicConstraints: [0x55, 0x1d, 19],
  subjectAltName: [0x55, 0x1d, 17],
} as const

/** Attributes of a name, from the first to the last. */
export type Subject = readonly (readonly [type: 'CN' | 'C' | 'L' | 'ST' | 'O' | 'OU' | 'emailAddress', value: string])[]

export interface Certificate {
  readonly certificate: string
  /** PKCS 8. */
  readonly key: string
}

export interface CertificateOptions {
  readonly subject: Subject
  /** Host names and addresses. */
  readonly names?: readonly string[]
  /** Counted from now; negative: it has been. */
  readonly beginsInDays?: number
  readonly endsInDays?: number
}

/** Signs certificates. */
export class Authority {
  readonly certificate: string
  readonly #key: KeyObject
  readonly #name: Buffer

  constructor(name = 'Test CA') {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#key = privateKey
    this.#name = nameOf([['CN', name]])
    this.certificate = this.#sign({ subject: [['CN', name]] }, publicKey, true)
  }

  issue(options: CertificateOptions): Certificate {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return {
      certificate: this.#sign(options, publicKey, false),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    }
  }

  #sign(options: CertificateOptions, publicKey: KeyObject, isAuthority: boolean): string {
    const { subject, names = [], beginsInDays = -1, endsInDays = 30 } = options
    const algorithm = sequence(identifier('ecdsaWithSha256'))
    const tbs = sequence(
      element(0xa0, element(0x02, Buffer.from([2]))),
      element(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      algorithm,
      this.#name,
      sequence(time(beginsInDays), time(endsInDays)),
      nameOf(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      element(0xa3, sequence(...extensions(names, isAuthority))),
    )
    const signature = element(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', tbs, this.#key)]))
    return pem(sequence(tbs, algorithm, signature))
  }
}

function extensions(names: readonly string[], isAuthority: boolean): Buffer[] {
  const yes = element(0x01, Buffer.from([0xff]))
  const constraints = element(0x04, sequence(...(isAuthority ? [yes] : [])))
  const basic = sequence(identifier('basicConstraints'), yes, constraints)
  if (names.length === 0) return [basic]
  const alternatives = names.map((name) =>
    isIP(name) === 4 ? element(0x87, Buffer.from(name.split('.').map(Number))) : element(0x82, Buffer.from(name)),
  )
  return [basic, sequence(identifier('subjectAltName'), element(0x04, sequence(...alternatives)))]
}

function nameOf(subject: Subject): Buffer {
  return sequence(
    ...subject.map(([type, value]) => {
      const tag = type === 'C' ? 0x13 : type === 'emailAddress' ? 0x16 : 0x0c
      return element(0x31, sequence(identifier(type), element(tag, Buffer.from(value))))
    }),
  )
}

function time(inDays: number): Buffer {
  const text = new Date(Date.now() + inDays * DAY_MS).toISOString().replaceAll(/[-:T]|\.\d+/gu, '')
  return element(0x17, Buffer.from(text.slice(2)))
}

function identifier(name: keyof typeof OBJECT_IDENTIFIERS): Buffer {
  return element(0x06, Buffer.from(OBJECT_IDENTIFIERS[name]))
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(0x30, Buffer.concat(parts))
}

function element(tag: number, content: Uint8Array): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/gu) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
