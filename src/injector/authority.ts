/**
 * Certificates made here: an authority, and what it signs for the webhook. Keys are elliptic (P-256). PKI.js builds them and WebCrypto
 * signs; only an injector without certificates of its own loads this file.
 */
import { randomBytes, webcrypto } from 'node:crypto'
import * as asn1 from 'asn1js'
import * as pki from 'pkijs'
import { CLOCK_SKEW_MS } from '../bounds.ts'
import type { ServingCertificate } from './webhook.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const
const HASH = 'SHA-256'
const COMMON_NAME = '2.5.4.3'
const SUBJECT_ALT_NAME = '2.5.29.17'
const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14'
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const DNS_NAME = 2
/** Bits of KeyUsage, from the left: keyCertSign and cRLSign; digitalSignature. */
const SIGNS_CERTIFICATES = 0b0000_0110
const SIGNS = 0b1000_0000

export interface Lifetime {
  readonly fromMs: number
  readonly lifetimeMs: number
}

/** A new authority, signed by itself. */
export async function makeAuthority(name: string, lifetime: Lifetime): Promise<ServingCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = draft(name, lifetime)
  certificate.issuer = certificate.subject
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey)
  certificate.extensions = [
    extension(BASIC_CONSTRAINTS, true, new pki.BasicConstraints({ cA: true, pathLenConstraint: 0 }).toSchema()),
    keyUsage(SIGNS_CERTIFICATES),
    extension(SUBJECT_KEY_IDENTIFIER, false, new asn1.OctetString({ valueHex: await keyIdOf(certificate) })),
  ]
  await certificate.sign(keys.privateKey, HASH)
  return { certificate: pemOf(certificate), key: await keyPem(keys.privateKey) }
}

/** A certificate for a server of these names, signed by the authority. */
export async function issueCertificate(
  authority: ServingCertificate,
  names: readonly string[],
  lifetime: Lifetime,
): Promise<ServingCertificate> {
  const issuer = pki.Certificate.fromBER(derOf(authority.certificate))
  const signer = await importKey(authority.key)
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = draft(names[0] ?? '', lifetime)
  certificate.issuer = issuer.subject
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey)
  const alternatives = names.map((value) => new pki.GeneralName({ type: DNS_NAME, value }))
  // Two authorities of one name are trusted while one takes over from the other: this tells them apart.
  const keyIdentifier = new asn1.OctetString({ valueHex: await keyIdOf(issuer) })
  certificate.extensions = [
    extension(BASIC_CONSTRAINTS, true, new pki.BasicConstraints({ cA: false }).toSchema()),
    keyUsage(SIGNS),
    extension(EXTENDED_KEY_USAGE, false, new pki.ExtKeyUsage({ keyPurposes: [SERVER_AUTH] }).toSchema()),
    extension(SUBJECT_ALT_NAME, false, new pki.GeneralNames({ names: alternatives }).toSchema()),
    extension(AUTHORITY_KEY_IDENTIFIER, false, new pki.AuthorityKeyIdentifier({ keyIdentifier }).toSchema()),
  ]
  await certificate.sign(signer, HASH)
  return { certificate: pemOf(certificate), key: await keyPem(keys.privateKey) }
}

/** What all certificates have: a random number, names, and a beginning that allows for clocks that are behind. */
function draft(subject: string, { fromMs, lifetimeMs }: Lifetime): pki.Certificate {
  const certificate = new pki.Certificate()
  certificate.version = 2
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40 // positive, and never begins with a zero
  certificate.serialNumber = new asn1.Integer({ valueHex: serial })
  certificate.subject.typesAndValues.push(commonName(subject))
  certificate.notBefore.value = new Date(fromMs - CLOCK_SKEW_MS)
  certificate.notAfter.value = new Date(fromMs + lifetimeMs)
  return certificate
}

/** RFC 5280, 4.2.1.2: SHA-1 of the public key, as a name and not as a protection. */
function keyIdOf({ subjectPublicKeyInfo }: pki.Certificate): Promise<ArrayBuffer> {
  return webcrypto.subtle.digest('SHA-1', Buffer.from(subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView))
}

function commonName(value: string): pki.AttributeTypeAndValue {
  // The name of a Service may be longer than the 64 characters that a common name has.
  return new pki.AttributeTypeAndValue({ type: COMMON_NAME, value: new asn1.Utf8String({ value: value.slice(0, 64) }) })
}

function extension(extnID: string, critical: boolean, value: { toBER(): ArrayBuffer }): pki.Extension {
  return new pki.Extension({ extnID, critical, extnValue: value.toBER() })
}

function keyUsage(bits: number): pki.Extension {
  return extension(KEY_USAGE, true, new asn1.BitString({ valueHex: new Uint8Array([bits]), unusedBits: 1 }))
}

function pemOf(certificate: pki.Certificate): string {
  return pem('CERTIFICATE', certificate.toSchema(true).toBER())
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', key))
}

function importKey(text: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', derOf(text), ALGORITHM, false, ['sign'])
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/gu) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

function derOf(text: string): Buffer {
  return Buffer.from(text.replaceAll(/-----[^-]+-----|\s/gu, ''), 'base64')
}
