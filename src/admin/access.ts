/**
 * Who may see what tells more than numbers, or may do something: this machine (or pod), and whoever has the token. A program
 * gets the reason as text or JSON, a person with a browser a page that says how.
 */
import { html } from '../page/html.ts'
import { plainPage } from '../page/plain-page.ts'
import { htmlAnswer, json, TEXT } from './answer.ts'
import { loopbackFault } from './loopback.ts'
import type { Answer, Page, PageSources, Question } from './routes.ts'

/** Undefined if the question may be answered. */
export function forbidden(
  { isGuarded, isForPeople, method }: Page,
  question: Question,
  { denied }: Pick<PageSources, 'denied'>,
): Answer | undefined {
  const { path, peer, hasToken, givesToken, hasTokenFile = false } = question
  if (isGuarded !== true || hasToken === true) return undefined
  const fault = loopbackFault(question)
  if (fault === undefined) return undefined
  const isWrong = hasTokenFile && givesToken === true
  denied?.(peer, path, isWrong ? WRONG_TOKEN : fault)
  if (isForPeople === true) return refusalPage(fault, hasTokenFile)
  const reason = isWrong ? WRONG_TOKEN : `${fault}. ${hasTokenFile ? GIVE_TOKEN : MAKE_TOKEN}`
  const code = hasTokenFile ? 401 : 403
  const answer = method === 'GET' ? { code, type: TEXT, body: `${reason}\n` } : json(code, { reloaded: false, reason })
  return hasTokenFile ? { ...answer, headers: { 'www-authenticate': 'Bearer' } } : answer
}

const WRONG_TOKEN = 'the token is not the one in admin.tokenFile of this sluice'
const GIVE_TOKEN =
  'From elsewhere it takes the token of admin.tokenFile (--token-file FILE, or Authorization: Bearer …)'
const MAKE_TOKEN = 'With admin.tokenFile in its configuration it would take a token from elsewhere'

/** A browser asks for the token as a password, which needs no script and no cookie. */
function refusalPage(fault: string, hasTokenFile: boolean): Answer {
  const forward = html`<p>From another machine, bring it to yours:</p>
<pre>kubectl port-forward POD 9404:9404</pre>
<p>and open <code>http://localhost:9404/</code>; or run <code>kafka-sluice top</code> beside it (<code>kubectl exec</code>).</p>`
  const token = hasTokenFile
    ? html`<p>Or reload this page and give the token of <code>admin.tokenFile</code> as the password; the user name does not matter.
Programs send <code>Authorization: Bearer TOKEN</code>.</p>`
    : html`<p>Or configure a token, which opens it from anywhere: put 32 random characters into a file and name it in the configuration:</p>
<pre>admin: { tokenFile: /run/secrets/sluice-admin-token }</pre>`
  const body = html`<p>The status page shows names of clients and the configuration, so not everybody may see it: ${fault}.</p>
${forward}${token}
<p>For everybody: <a href="/metrics">metrics</a>, <a href="/healthz">healthz</a>, <a href="/readyz">readyz</a>.</p>`
  const answer = htmlAnswer(hasTokenFile ? 401 : 403, plainPage('Not from here', body))
  if (!hasTokenFile) return answer
  return {
    ...answer,
    headers: { ...answer.headers, 'www-authenticate': 'Basic realm="kafka-sluice", charset="UTF-8"' },
  }
}
