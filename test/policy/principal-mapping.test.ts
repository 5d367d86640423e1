/** Subjects as Java writes them, and Kafka's ssl.principal.mapping.rules; the cases of Kafka's own SslPrincipalMapperTest among them. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { subjectName } from '../../src/policy/distinguished-name.ts'
import { parsePrincipalMapping } from '../../src/policy/principal-mapping.ts'
import { Authority, type Subject } from '../support/certificates.ts'

const authority = new Authority()

function subjectOf(subject: Subject): string {
  return subjectName(new X509Certificate(authority.issue({ subject }).certificate).raw)
}

/** Wraps the DER of a name as a certificate has it: version, serial, algorithm, issuer, validity, subject. */
function certificateWith(name: string): Uint8Array {
  const fields = Buffer.concat([Buffer.from('a003020102020101300030003000', 'hex'), Buffer.from(name, 'hex')])
  const wrap = (content: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0x30, 0x82, content.length >> 8, content.length & 0xff]), content])
  return wrap(wrap(fields))
}

describe('the subject of a certificate', () => {
  test('is told from the last name to the first, as Java does', () => {
    assert.equal(
      subjectOf([
        ['C', 'DE'],
        ['O', 'Example'],
        ['OU', 'Services'],
        ['CN', 'checkout'],
      ]),
      'CN=checkout,OU=Services,O=Example,C=DE',
    )
    assert.equal(subjectOf([]), '')
  })

  // DER and text from X500Principal.getEncoded() and getName() of Java 17.
  const JAVA = [
    [
      '3081d8310a30080603550404130173310a3008060355042a130167310b3009060355040c13027469310b30090603550405130231323112301006092a864886f70d01090116036140623111300f060a0992268993f22c64010113017531123010060a0992268993f22c64011916026578310b3009060355040913027374310b3009060355040613025553310a3008060355040713014c310a30080603550408130153310a3008060355040a130178310d300b060355040b13046c656164311c301a06035504030c13612c623d6323642b653c663e673b685c69226a',
      'CN=a\\,b\\=c\\#d\\+e\\<f\\>g\\;h\\\\i\\"j,OU=lead,O=x,ST=S,L=L,C=US,STREET=st,DC=ex,UID=u,1.2.840.113549.1.9.1=#1603614062,2.5.4.5=#13023132,2.5.4.12=#13027469,2.5.4.42=#130167,2.5.4.4=#130173',
    ],
    [
      '30473112301006035504030c094ac3bc7267656e2331310b3009060355040613024445310e300c060355040a1305747261696c3114300806035504031301613008060355040b130162',
      'CN=a+OU=b,O=trail,C=DE,CN=Jürgen\\#1',
    ],
  ] as const
  for (const [der, name] of JAVA) {
    test(`as Java has it: ${name.slice(0, 20)}`, () => assert.equal(subjectName(certificateWith(der)), name))
  }

  test('spaces at its ends are escaped', () => {
    assert.equal(subjectOf([['CN', '  a b ']]), 'CN=\\ \\ a b\\ ')
    assert.equal(subjectOf([['CN', ' ']]), 'CN=\\ ')
  })

  test('bytes that are no certificate are told so, whatever they are', () => {
    const { raw } = new X509Certificate(authority.issue({ subject: [['CN', 'x']] }).certificate)
    const cut = fc.nat(raw.length - 1).map((length) => raw.subarray(0, length))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), cut), (bytes) => {
        try {
          subjectName(bytes)
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error))
        }
      }),
    )
  })
})

describe('mapping rules', () => {
  const KAFKA_RULES = [
    'RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/',
    'RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L',
    'RULE:^cn=(.*?),ou=(.*?),dc=(.*?),dc=(.*?)$/$1@$2/U',
    'RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U',
    'DEFAULT',
  ].join(',')

  const CASES: readonly (readonly [rules: string, subject: string, principal: string | undefined])[] = [
    [KAFKA_RULES, 'CN=Duke,OU=ServiceUsers,O=Org,C=US', 'Duke'],
    [KAFKA_RULES, 'CN=Duke,OU=SME,O=mycp,L=Fulton,ST=MD,C=US', 'duke@sme'],
    [KAFKA_RULES, 'cn=duke,ou=sme,dc=mycp,dc=com', 'DUKE@SME'],
    [KAFKA_RULES, 'OU=JavaSoft,O=Sun Microsystems,C=US', 'OU=JavaSoft,O=Sun Microsystems,C=US'],
    ['RULE:CN=(.*?),OU=ServiceUsers.*/$1/L, DEFAULT', 'CN=Duke,OU=ServiceUsers,O=Org,C=US', 'duke'],
    ['RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/', 'CN=Duke,OU=SME', undefined],
    ['', 'CN=x', 'CN=x'],
    ['DEFAULT', 'CN=x', 'CN=x'],
    [' DEFAULT , ', 'CN=x', 'CN=x'],
    ['RULE:^CN=([^,]*).*$/user-$1/', 'CN=a/b,O=c', 'user-a/b'],
    [String.raw`RULE:^CN=(a\/b).*$/\$$1\/x/`, 'CN=a/b', '$a/b/x'],
    ['RULE:^CN=([^,]*)$/$2$1/', 'CN=a', '$2a'],
    ['RULE:^CN=([^,]*)$/$12/', 'CN=a', 'a2'],
    ['RULE:.*/x/', 'CN=a', 'xx'], // so does Java: once for all of it, once for the empty rest
  ]
  for (const [rules, subject, principal] of CASES) {
    test(`${rules.slice(0, 45)} of ${subject}`, () => assert.equal(parsePrincipalMapping(rules)(subject), principal))
  }

  const FAULTS: readonly (readonly [rules: string, message: RegExp])[] = [
    ['default', /no rule: "default"; a rule is DEFAULT or RULE:pattern\/replacement\//],
    ['DEFAULT/L', /no rule: "DEFAULT\/L"/],
    ['DEFAULT,RULE:CN/L', /no rule: "RULE:CN\/L"/],
    ['RULE:^CN=(.*?$/$1/', /Invalid regular expression|no regular expression/],
    ['RULE:^CN=(a+)+$/$1/', /could stall the sluice/],
    [`RULE:^${'.*,OU='.repeat(9)}$/x/`, /has 9 repeats; at most 8/],
    ['RULE:^CN=(.*)$/$name/', /needs a number/],
  ]
  for (const [rules, message] of FAULTS) {
    test(`a fault is told: ${rules.slice(0, 40)}`, () => {
      assert.throws(() => parsePrincipalMapping(rules), { name: 'RangeError', message })
    })
  }

  test('a long subject is looked at by no pattern', () => {
    assert.equal(parsePrincipalMapping('RULE:^CN=(.*)$/$1/')(`CN=${'x'.repeat(300)}`), undefined)
    assert.equal(parsePrincipalMapping('DEFAULT')(`CN=${'x'.repeat(300)}`)?.length, 303)
  })
})
