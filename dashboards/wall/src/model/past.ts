/** What the database remembers of the last 24 hours, put beside what the page itself has seen. Pure. */

import { DAY_MS, serverTime, type Picture } from './picture';
import type { PastAlerts, Stretch } from './wire';

/** Stretches closer than this count as one: the server tells no smaller gap, and the strip of a day shows none. */
export const JOIN_MS = 600_000;
/** An alert that lasted into the last day may have begun before it: the question reaches back this far. */
export const ASK_BACK_MS = 2 * DAY_MS;

/** Adds an answer of the server. Of two versions of an alert the higher stays; what nobody holds any more has ended. */
export function withPast(picture: Picture, past: PastAlerts): Picture {
  const day = new Map(picture.day);
  for (const alert of past.alerts) {
    const held = day.get(alert.id);
    if (held && held.version >= alert.version) continue;
    const open = !alert.closed && !picture.alerts.has(alert.id);
    day.set(alert.id, open ? { ...alert, active: false, closed: true, cleared_ms: alert.cleared_ms ?? alert.updated_ms } : alert);
  }
  return { ...picture, day, known: past.known };
}

/** Stretches in order, those that touch or nearly touch as one. */
export function joined(stretches: readonly Stretch[]): Stretch[] {
  const out: Stretch[] = [];
  for (const next of [...stretches].sort((a, b) => a.from_ms - b.from_ms)) {
    const last = out.at(-1);
    if (last && next.from_ms - last.to_ms < JOIN_MS) out[out.length - 1] = { ...last, to_ms: Math.max(last.to_ms, next.to_ms) };
    else out.push(next);
  }
  return out;
}

/** The parts of the last 24 hours of which neither the database nor this page knows anything. */
export function unknownStretches(picture: Picture, server_now_ms: number): Stretch[] {
  const begin_ms = server_now_ms - DAY_MS;
  const held: Stretch[] = [];
  if (picture.held_since_ms !== null) {
    let from_ms = picture.held_since_ms;
    for (const gap of picture.unseen) {
      held.push({ from_ms, to_ms: gap.from_ms });
      from_ms = gap.to_ms;
    }
    held.push({ from_ms, to_ms: server_now_ms });
  }
  const unknown: Stretch[] = [];
  let at_ms = begin_ms;
  for (const { from_ms, to_ms } of joined([...picture.known, ...held].filter((s) => s.to_ms > begin_ms && s.to_ms > s.from_ms))) {
    if (from_ms > at_ms) unknown.push({ from_ms: at_ms, to_ms: from_ms });
    at_ms = Math.max(at_ms, to_ms);
  }
  if (server_now_ms - at_ms >= JOIN_MS || at_ms === begin_ms) unknown.push({ from_ms: at_ms, to_ms: server_now_ms });
  return unknown;
}

/** Server time now, from the picture's own beat; the question about the past needs no more. */
export function askedStretch(picture: Picture, now_ms: number): Stretch {
  const to_ms = serverTime(picture, now_ms);
  return { from_ms: to_ms - ASK_BACK_MS, to_ms };
}
