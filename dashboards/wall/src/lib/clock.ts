/** The page's clock: monotonic, so that a corrected system clock can neither freeze nor hurry the link. */

/** Milliseconds that only grow; near epoch time when the page was opened. */
export function pageNow(): number {
  return performance.timeOrigin + performance.now();
}
