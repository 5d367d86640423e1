/** What the exit code of every command says (design.md §10). */

/** Done, drained, or stopped by a signal that asked for it. */
export const EXIT_OK = 0
/** It could not do its work: a port in use, no Kafka, a limit that did not hold. */
export const EXIT_FAILURE = 1
/** `diff`, as diff(1): something differs. */
export const EXIT_DIFFERENT = 1
/** The command line or the configuration is wrong; running again without a change gives the same. */
export const EXIT_USAGE = 2
/** Ended by Ctrl-C before its work was done (128 + SIGINT, as shells count). */
export const EXIT_INTERRUPTED = 130

/** Called by a command with its exit code. */
export type Finish = (exitCode: number) => void
