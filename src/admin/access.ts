/**
 * Who may see what tells more than numbers, or may do something: this machine (or pod), and whoever has the token. A program
 * gets the reason as text or JSON, a person with a browser a page that says how.
 */
import { html } from '../page/html.ts'
import { plainPage } from '../page/plain-page.ts'
import { htmlAnswer, json, TEXT } from './answer.ts'
import { isLoopback, loopbackFault } from './loopback.ts'
import type { Answer, Page, PageSources, Question } from './routes.ts'

/** Undefined if the question may be answered. */
export function forbidden(
  { isLocal, isForPeople }: Page,
  question: Question,
  { denied }: Pick<PageSources, 'denied'>,
): Answer | undefined {
  const { path, peer, hasToken, hasTokenFile = false } = question
  const isGuarded = path.startsWith('/api/') || isLocal === true
  if (!isGuarded || hasToken === true) return undefined
  const fault = isLocal === true ? loopbackFault(question) : undefined
  if (fault !== undefined) {
    denied?.(peer, path, fault)
    return isForPeople === true ? refusalPage(fault, hasTokenFile) : { code: 403, type: TEXT, body: `${fault}\n` }
  }
  if (isLoopback(peer)) return undefined
  const reason = `only from this machine (127.0.0.1 or ::1), not from ${peer}; from elsewhere with the token of admin.tokenFile: Authorization: Bearer …`
  denied?.(peer, path, reason)
  return json(403, { reloaded: false, reason })
}

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
