/**
 * Keeps memory small while bodies pass. V8 looks for dead young objects when these fill its young generation;
 * what buffers hold lies outside and does not count there, so that up to 100 MiB of dead octets would pile up.
 */

/** Octets that are discarded before dead buffers are looked for. */
const DISCARDED_BYTES_MAX = 4 * 1024 * 1024

let discarded = 0

/** For whoever is done with octets of bodies. Has no effect in a process without `process-settings.ts`. */
export function discard(octets: number): void {
  discarded += octets
  if (discarded < DISCARDED_BYTES_MAX) return
  discarded = 0
  void globalThis.gc?.({ type: 'minor' })
}
