/** Where we listen unless told otherwise. */

export const DEFAULT_LISTEN = { host: '127.0.0.1', port: 9092, brokerPorts: { first: 19_092, last: 19_191 } } as const
export const DEFAULT_ADMIN = { host: '127.0.0.1', port: 9404 } as const
