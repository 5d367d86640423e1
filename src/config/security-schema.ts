/** The keys about TLS and logins, of both sides. Secrets are never in the document: it names files, which are read again when they change. */
import * as z from 'zod'
import { parsePrincipalMapping } from '../policy/principal-mapping.ts'
import { parseHost, parseTokenUrl } from './addresses.ts'
import { section, string } from './schema-parts.ts'
import {
  CLIENT_AUTH,
  type ListenTlsDocument,
  LOGIN_MECHANISMS,
  TLS_VERSIONS,
  type UpstreamSaslDocument,
  type UpstreamTlsDocument,
} from './security.ts'

function notEmpty(value: string): string {
  if (value === '') throw new RangeError('it is empty; leave the key out')
  return value
}

function file(example: string): z.ZodType<string, string> {
  return string(notEmpty, { examples: [example] })
}

const minVersion = z
  .enum(TLS_VERSIONS, { error: `the versions are ${TLS_VERSIONS.join(', ')}` })
  .optional()
  .describe('Oldest version of TLS that is taken. Default TLSv1.2.')

const IN_FILES = 'secrets are in files: give passwordFile'

export const listenTls: z.ZodType<ListenTlsDocument> = section(
  {
    certFile: file('/etc/sluice/tls/tls.crt').describe('PEM file of the certificate that clients see, with its chain.'),
    keyFile: file('/etc/sluice/tls/tls.key').describe('PEM file of its private key, without a password.'),
    clientCaFile: file('/etc/sluice/tls/ca.crt')
      .optional()
      .describe('PEM file of the authorities that sign certificates of clients.'),
    clientAuth: z
      .enum(CLIENT_AUTH, { error: `expected ${CLIENT_AUTH.join(', ')}` })
      .optional()
      .describe(
        'Whether clients show a certificate: none, want (one that is shown must be right), require. Default: require with clientCaFile, none without.',
      ),
    minVersion,
    principalMappingRules: string(
      (value) => {
        parsePrincipalMapping(value)
        return value
      },
      { examples: ['RULE:^CN=(.*?),.*$/$1/, DEFAULT'] },
    )
      .optional()
      .describe(
        "Principal of a client's certificate, by Kafka's ssl.principal.mapping.rules. Default: its whole subject.",
      ),
  },
  { keyPasswordFile: 'keys with a password cannot be read; openssl pkey writes one without' },
)

export const listenSasl: z.ZodType<{ readonly usersFile: string }> = section({
  usersFile: file('/etc/sluice/users.yaml').describe(
    'YAML file of users, made with kafka-sluice hash-password. PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are then verified here.',
  ),
})

export const upstreamTls: z.ZodType<UpstreamTlsDocument> = z.union(
  [
    z.boolean({ error: 'expected true' }),
    section(
      {
        caFile: file('/etc/kafka/ca.pem')
          .optional()
          .describe("PEM file of the authorities that sign the brokers' certificates. Default: those that Node knows."),
        certFile: file('/etc/sluice/client.crt')
          .optional()
          .describe('PEM file of our own certificate, where brokers ask for one.'),
        keyFile: file('/etc/sluice/client.key').optional().describe('PEM file of its private key, without a password.'),
        serverName: string(parseHost, { examples: ['kafka.example.com'] })
          .optional()
          .describe(
            "Name that every broker's certificate must have, and that is sent as SNI. Default: the host of its address.",
          ),
        verify: z
          .enum(['full', 'ca'], { error: 'expected full or ca; not to verify at all is insecureSkipVerify: true' })
          .optional()
          .describe(
            "What must be right with a broker's certificate: full, signer and name; ca, the signer alone. Default full.",
          ),
        insecureSkipVerify: z
          .boolean({ error: 'expected true or false' })
          .optional()
          .describe(
            'Takes any certificate: whoever answers at the address reads passwords and data. For experiments only.',
          ),
        minVersion,
      },
      { ca: 'did you mean caFile?', cert: 'did you mean certFile?', key: 'did you mean keyFile?' },
    ),
  ],
  { error: 'expected true, or a mapping with caFile and others' },
)

const tokenEndpoint = section(
  {
    url: string(parseTokenUrl, { examples: ['https://login.example.com/oauth2/token'] }).describe(
      'Where tokens are asked for by client credentials (RFC 6749, 4.4): https, or http on this machine.',
    ),
    clientId: string(notEmpty).describe('Who asks.'),
    clientSecretFile: file('/run/secrets/client-secret').describe('File of its secret.'),
    scope: string(notEmpty).optional().describe('What is asked for.'),
    caFile: file('/etc/sluice/idp-ca.pem').optional().describe('PEM file of the authorities of its certificate.'),
  },
  { clientSecret: 'secrets are in files: give clientSecretFile' },
)

export const upstreamSasl: z.ZodType<UpstreamSaslDocument> = section(
  {
    mechanism: z
      .enum(LOGIN_MECHANISMS, { error: `the mechanisms are ${LOGIN_MECHANISMS.join(', ')}` })
      .describe('How we log in at the brokers.'),
    username: string(notEmpty).optional().describe('Our user; not of OAUTHBEARER.'),
    passwordFile: file('/run/secrets/kafka-password').optional().describe('File of its password; not of OAUTHBEARER.'),
    tokenFile: file('/var/run/secrets/tokens/kafka')
      .optional()
      .describe('Of OAUTHBEARER: file of the token, which somebody renews.'),
    tokenEndpoint: tokenEndpoint.optional().describe('Of OAUTHBEARER: who gives tokens out, in place of a file.'),
  },
  { password: IN_FILES, token: 'secrets are in files: give tokenFile', user: 'did you mean username?' },
)

export const adminTokenFile: z.ZodType<string, string> = file('/run/secrets/admin-token')
