/** The public face of kafka-protocol-codec. */

export { type ApiName, apiSchema, requestHeaderVersion, responseHeaderVersion } from './apis.ts'
export { int64At } from './bytes.ts'
export { type Decoded, decode, decodeExactly } from './decode.ts'
export { encode } from './encode.ts'
export { ERROR_NAMES, type ErrorName, errorName } from './error-codes.ts'
export { ProtocolError, type ProtocolErrorReason } from './errors.ts'
export {
  type DecodedRequest,
  type DecodedRequestHeader,
  type DecodedResponse,
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type RequestHeader,
} from './frames.ts'
export { ERROR_CODE } from './generated/error-codes.ts'
export { REQUEST_HEADER, RESPONSE_HEADER } from './generated/headers.ts'
export { API_KEY, API_SCHEMAS, KAFKA_LEGACY_VERSION, KAFKA_VERSION } from './generated/index.ts'
export * from './headers.ts'
export { Reader } from './reader.ts'
export * from './record-batch.ts'
export * from './sasl.ts'
export * from './schema.ts'
export { Skim, type SkimSink } from './skim.ts'
export { compileSkim, type SkimPlan, TEXT_BYTES_MAX } from './skim-plan.ts'
export { type AddressFields, addressFields, type ThrottlePlace, throttlePlace } from './traits.ts'
export { type Struct, structsOf, UNKNOWN_TAGS, type Value, ZERO_UUID } from './value.ts'
export { Writer } from './writer.ts'
