/**
 * Deadlines for what comes over a socket. After a time without a processor (a CPU limit that is used up, a crowded machine) a process
 * finds its timers due before it has read what came meanwhile: what is here already is in time.
 */

/** Calls `late` after `ms`, once sockets have been read; `late` looks itself whether it still is. */
export function deadline(ms: number, late: () => void): NodeJS.Timeout {
  return setTimeout(() => setImmediate(late), ms)
}
