/** What a person may do with an alert now, beside acknowledging it. The server decides; this spares refused commands. Pure. */

import { isHidden, isLatched, isMuted } from './alerts';
import type { Alert, Done, Op, ResultCode } from './wire';

export const RESULTS: readonly ResultCode[] = ['handled', 'false_alarm', 'duplicate', 'no_action', 'transferred', 'test'];
/** Lengths of a shelf that the page offers, seconds; the longest is one shift. */
export const SHELF_S: readonly number[] = [1800, 3600, 7200, 14_400, 28_800];
export const SHELF_DEFAULT_S = 7200;
/** Dates of review that the page offers, days ahead. */
export const REVIEW_DAYS: readonly number[] = [1, 3, 7, 30, 90];

/** Operations that need something to be filled in. */
export const WITH_FORM: ReadonlySet<Op> = new Set(['assign', 'dispatch', 'comment', 'shelve', 'unack', 'out_of_service', 'close', 'reopen']);
/** Operations that the server refuses without a reason. */
export const WITH_REASON: ReadonlySet<Op> = new Set(['shelve', 'unack', 'out_of_service', 'reopen']);

/** Agencies that were sent in this occurrence; one that was sent in a former one can be sent again. */
export function sentHere(alert: Alert): Set<string> {
  return new Set((alert.dispatched ?? []).filter((one) => !one.earlier).map((one) => one.what));
}

/** Who did a step, and how its box stands; of a former occurrence it is half done, and can be done anew. */
export function doneOf(alert: Alert, step: string): { done: Done | undefined; checked: boolean | 'mixed' } {
  const done = (alert.steps ?? []).find((one) => one.what === step);
  return { done, checked: done?.earlier ? 'mixed' : done !== undefined };
}

/** In the order in which they are offered; empty for a role that only looks. */
export function actionsFor(alert: Alert, role: string, user: string): Op[] {
  const dispatcher = role === 'dispatcher' || role === 'admin';
  const engineer = role === 'engineer' || role === 'admin';
  const found: Op[] = [];
  const hidden = isHidden(alert);
  const out = alert.suppression === 'out-of-service';
  const free = !hidden && !isMuted(alert);
  if (dispatcher) {
    if (!alert.closed && alert.assigned?.to !== user) found.push('take');
    if (!alert.closed) found.push('assign', 'dispatch');
    found.push('comment');
    if (hidden && !out) found.push('unshelve');
    if (free) found.push('shelve');
    if (free && !alert.closed && alert.acked) found.push('unack');
    if (isLatched(alert)) found.push('reset');
    if (free && !alert.result) found.push('close');
    if (alert.closed) found.push('reopen');
  } else if (engineer) found.push('comment');
  if (engineer && free) found.push('out_of_service');
  if (engineer && out) found.push('return_to_service');
  return found;
}
