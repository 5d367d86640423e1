/** What a broker's refusal of our login means, in words for the operator. */
import { ERROR_CODE, errorName, type Struct } from 'kafka-protocol-codec'
import { BROKER_WORDS_CHARS_MAX } from '../bounds.ts'

/** `CLUSTER_AUTHORIZATION_FAILED`, and the broker's own words where it has some. */
export function errorWords(code: number, message?: unknown): string {
  const name = errorName(code) ?? `error ${code}`
  return typeof message === 'string' && message !== '' ? `${name} (${cut(message)})` : name
}

/** Of an answer to SaslHandshake; undefined where it agrees. */
export function handshakeFault(answer: Struct, mechanism: string): string | undefined {
  const code = Number(answer['errorCode'])
  if (code === ERROR_CODE.NONE) return undefined
  if (code === ERROR_CODE.UNSUPPORTED_SASL_MECHANISM) {
    const known = cut((answer['mechanisms'] as string[]).join(', ')) || 'none'
    return `the broker does not take ${mechanism}; its mechanisms are ${known}: choose one of them`
  }
  if (code === ERROR_CODE.ILLEGAL_SASL_STATE) {
    return 'this listener of the broker takes no login; leave the user out, or give its SASL listener'
  }
  return `the broker refuses to begin a login: ${errorWords(code)}`
}

function cut(words: string): string {
  return words.length <= BROKER_WORDS_CHARS_MAX ? words : `${words.slice(0, BROKER_WORDS_CHARS_MAX)}…`
}

/** Of an answer to SaslAuthenticate. */
export function authenticateFault(answer: Struct, who: string, mechanism: string): string | undefined {
  const code = Number(answer['errorCode'])
  if (code === ERROR_CODE.NONE) return undefined
  const hint = code === ERROR_CODE.SASL_AUTHENTICATION_FAILED ? `; ${hintFor(mechanism)}` : ''
  return `the broker does not let ${who} in by ${mechanism}: ${errorWords(code, answer['errorMessage'])}${hint}`
}

/** Kafka tells who logs in no more than that it failed. */
function hintFor(mechanism: string): string {
  if (mechanism === 'OAUTHBEARER')
    return 'is the token valid, and for the issuer and the audience that the broker takes?'
  const right = 'are user and password of upstream.sasl those that the broker has'
  if (mechanism === 'PLAIN') return `${right}?`
  return `${right}, and was the password set there for ${mechanism} too?`
}
