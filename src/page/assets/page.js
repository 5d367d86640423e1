// The status page's only script, and the page works without it. Every two seconds it asks for the page as it is addressed, and
// changes in place what has changed: focus, selection, open details and what is being typed stay. Links and forms of the page
// are answered the same way, without a reload.

const EVERY_MS = 2_000
const AFTER_FAULT_MS = [2_000, 4_000, 8_000, 15_000]
const TYPING_MS = 250
/** A screen reader hears of changes this often at most. */
const SAY_EVERY_MS = 10_000
const THEME_KEY = 'kafka-sluice-theme'
/** Attributes that the person, not the page, decides about. */
const OWN_ATTRIBUTES = new Set(['open', 'hidden', 'data-theme'])
const SVG = 'http://www.w3.org/2000/svg'

const root = document.documentElement
let timer = 0
let faults = 0
let isPaused = false
/** Grows with every question: an answer to an older one comes too late. */
let asked = 0
let saidAtMs = 0
/** Where to go once the page that was asked for is there, whichever question brings it. */
let wantedPlace = ''

restoreTheme()
start()

function start() {
  const pause = document.getElementById('pause')
  if (pause === null) return // a page of plain words
  pause.hidden = false
  pause.addEventListener('click', () => setPaused(!isPaused))
  document.getElementById('theme').hidden = false
  document.getElementById('theme').addEventListener('click', switchTheme)
  document.getElementById('refresh').hidden = true
  document.addEventListener('click', onClick)
  document.addEventListener('submit', onSubmit)
  document.addEventListener('input', onInput)
  document.addEventListener('keydown', onKey)
  document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : refresh()))
  addEventListener('popstate', () => refresh())
  addEventListener('pointermove', onPoint)
  schedule(EVERY_MS)
}

// Asking and changing

async function refresh() {
  clearTimeout(timer)
  const question = ++asked
  try {
    const answer = await fetch(location.pathname + location.search, { headers: { accept: 'text/html' } })
    if (question !== asked) return
    if (!answer.ok) throw new Error(`it answers ${answer.status}`)
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    if (question !== asked) return
    faults = 0
    trouble('')
    announce(page)
    document.title = page.title
    for (const id of ['top', 'main']) become(document.getElementById(id), page.getElementById(id))
    labelTheme()
    setPaused(isPaused, false)
    goToPlace()
    if (pointed?.isConnected) point(pointed)
    schedule(EVERY_MS)
  } catch (error) {
    if (question !== asked) return
    trouble(`The sluice does not answer (${error.message}); what is shown is old. Trying again …`)
    schedule(AFTER_FAULT_MS[Math.min(faults++, AFTER_FAULT_MS.length - 1)])
  }
}

function schedule(delayMs) {
  clearTimeout(timer)
  if (!isPaused && !document.hidden) timer = setTimeout(refresh, delayMs)
}

/** Makes an element what another one is, and touches only what differs. */
function become(now, next) {
  for (const { name, value } of [...next.attributes]) {
    if (!OWN_ATTRIBUTES.has(name) && now.getAttribute(name) !== value) now.setAttribute(name, value)
  }
  for (const { name } of [...now.attributes]) {
    if (!OWN_ATTRIBUTES.has(name) && !next.hasAttribute(name)) now.removeAttribute(name)
  }
  if (isBeingUsed(now)) return
  if (now instanceof HTMLInputElement && now.type !== 'hidden') now.value = next.value
  children(now, next)
  if (now instanceof HTMLSelectElement) now.value = next.value
}

/** By id where there is one, so that a row that moves stays the same row; by place and kind otherwise. */
function children(now, next) {
  const named = new Map([...now.children].filter((child) => child.id !== '').map((child) => [child.id, child]))
  let at = now.firstChild
  for (const wanted of [...next.childNodes]) {
    const known = wanted.id ? named.get(wanted.id) : undefined
    const match = known ?? (at !== null && isAlike(at, wanted) ? at : undefined)
    if (match === undefined) {
      now.insertBefore(document.importNode(wanted, true), at)
      continue
    }
    if (match === at) at = at.nextSibling
    else now.insertBefore(match, at)
    if (match.nodeType === Node.ELEMENT_NODE) become(match, wanted)
    else if (match.data !== wanted.data) match.data = wanted.data
  }
  while (at !== null) {
    const rest = at.nextSibling
    at.remove()
    at = rest
  }
}

function isAlike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? '') === (b.id ?? '')
}

/** What somebody types in or has open is left alone. */
function isBeingUsed(element) {
  if (element.id === 'trouble' || element.id === 'said') return true
  return element === document.activeElement && element.matches('input, select')
}

// What the person does

function onClick(event) {
  const link = event.target.closest?.('a[data-nav]')
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey
  if (link === null || link === undefined || !isPlain) return
  event.preventDefault()
  goTo(link.href, true)
}

function goTo(address, isNew) {
  const { pathname, search, hash } = new URL(address, location.href)
  history[isNew ? 'pushState' : 'replaceState'](null, '', pathname + search + hash)
  if (isNew) wantedPlace = hash.slice(1)
  void refresh() // it never rejects
}

function goToPlace() {
  const place = wantedPlace === '' ? null : document.getElementById(wantedPlace)
  wantedPlace = ''
  if (place === null) return
  const box = place.getBoundingClientRect()
  if (box.top < 0 || box.top > innerHeight * 0.7) place.scrollIntoView({ block: 'start', behavior: 'auto' })
  if (place.id !== 'client') return
  place.tabIndex = -1
  place.focus({ preventScroll: true })
}

function onSubmit(event) {
  event.preventDefault()
  goTo(addressOf(event.target) + new URL(event.target.action).hash, true)
}

/** Where a form leads, without what is empty; an empty client id is a question too. */
function addressOf(form) {
  const fields = [...new FormData(form)].filter(([name, value]) => value !== '' || name === 'explain')
  return `/?${new URLSearchParams(fields)}`
}

let typing = 0
function onInput(event) {
  const { form } = event.target
  if (form?.id !== 'filter-form') return
  clearTimeout(typing)
  typing = setTimeout(() => goTo(addressOf(form), false), TYPING_MS)
}

function onKey(event) {
  const isTyping = event.target.matches?.('input, select, textarea')
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.key !== '/') return
  event.preventDefault()
  document.getElementById('filter').focus()
}

function setPaused(paused, isNews = true) {
  isPaused = paused
  const pause = document.getElementById('pause')
  pause.setAttribute('aria-pressed', String(paused))
  pause.textContent = paused ? 'Paused' : 'Pause'
  document.getElementById('refresh').hidden = true
  if (!isNews) return
  if (paused) clearTimeout(timer)
  else void refresh()
}

// What is said

function trouble(text) {
  const place = document.getElementById('trouble')
  if (place.textContent !== text) place.textContent = text
  place.hidden = text === ''
}

/** The verdict, when it is another one, and not too often. */
function announce(page) {
  const verdict = (of) => of.getElementById('verdict')?.textContent.replace(/\s+/g, ' ').trim() ?? ''
  if (verdict(page) === verdict(document) || Date.now() - saidAtMs < SAY_EVERY_MS) return
  saidAtMs = Date.now()
  document.getElementById('said').textContent = verdict(page)
}

// A plot says what it had where one points at

let pointed = null
let pointedX = 0
function onPoint(event) {
  const plot = event.target.closest?.('.plot') ?? null
  if (pointed !== null && pointed !== plot) unpoint(pointed)
  pointed = plot
  pointedX = event.clientX
  point(plot)
}

/** Also after the page has changed: the pointer is where it was, and the plot has moved on. */
function point(plot) {
  const svg = plot?.querySelector('svg')
  if (svg === null || svg === undefined) return
  const points = Number(plot.dataset.points)
  const box = svg.getBoundingClientRect()
  const ratio = Math.min(1, Math.max(0, (pointedX - box.left) / box.width))
  const point = Math.round(ratio * (points - 1))
  const secondsAgo = ((points - 1 - point) * Number(plot.dataset.step)) / 1000
  const ago =
    secondsAgo === 0
      ? 'now'
      : secondsAgo < 60
        ? `${secondsAgo} s ago`
        : `${Math.floor(secondsAgo / 60)} m ${secondsAgo % 60} s ago`
  const words = [...svg.querySelectorAll('.line[data-words]')].map(({ dataset }) => {
    const all = dataset.words.split('|')
    return all[point - (points - all.length)] ?? '–'
  })
  plot.querySelector('.plot-at').textContent = `${words.join(', ')} ${ago}`
  let cursor = svg.querySelector('.cursor')
  if (cursor === null) {
    cursor = document.createElementNS(SVG, 'path')
    cursor.setAttribute('class', 'cursor')
    svg.append(cursor)
  }
  const { width, height } = svg.viewBox.baseVal
  cursor.setAttribute('d', `M${(point / (points - 1)) * width} 0V${height}`)
}

function unpoint(plot) {
  plot.querySelector('.cursor')?.remove()
  const at = plot.querySelector('.plot-at')
  if (at !== null) at.textContent = ''
}

// Dark and light

function restoreTheme() {
  const theme = stored()
  if (theme !== null) root.dataset.theme = theme
  labelTheme()
}

function isDark() {
  return (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark'
}

function switchTheme() {
  root.dataset.theme = isDark() ? 'light' : 'dark'
  try {
    localStorage.setItem(THEME_KEY, root.dataset.theme)
  } catch {
    // A browser that stores nothing forgets it with the page.
  }
  labelTheme()
}

function labelTheme() {
  const button = document.getElementById('theme')
  if (button !== null) button.textContent = isDark() ? 'Light' : 'Dark'
}

function stored() {
  try {
    const theme = localStorage.getItem(THEME_KEY)
    return theme === 'dark' || theme === 'light' ? theme : null
  } catch {
    return null
  }
}
