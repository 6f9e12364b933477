/**
 * `reduce(picture, frame, now_ms) → picture`: the only way in which the picture changes. Pure; `now_ms` is the page's
 * own monotonic clock.
 *
 * Of the desk comes the whole, then what changed; a change that does not follow what is held breaks the picture as well.
 *
 * A snapshot first makes everything held suspect and drops at its end what it did not name. A delta is taken only when
 * its `prev` is the position held; otherwise the picture is `broken` and must be resumed. Of two versions of an alert
 * the higher wins, whatever way they came.
 */

import {
  DAY_ALERTS_MAX, DAY_MS, MINUTES_KEPT_MS, NUMBERS_MAX, OUTCOMES_MAX, UNSEEN_MAX, serverTime, type Desk, type Picture, type Suspect,
} from './picture';
import type { Alert, Beat, Changes, Delta, Gone, Minute, OutcomeFrame, ServerFrame, SnapshotEnd } from './wire';
import type { DeskDelta, DeskFrame } from './wire_desk';

export function reduce(picture: Picture, frame: ServerFrame, now_ms: number): Picture {
  switch (frame.t) {
    case 'hello':
      return { ...picture, hello: frame, offset_ms: frame.server_time_ms - now_ms };
    case 'snapshot_begin':
      return { ...picture, sync: 'snapshot', suspect: everything(picture), overwrite: frame.reason === 'epoch' };
    case 'snapshot':
      return picture.sync === 'snapshot' ? apply(picture, frame, now_ms) : { ...picture, sync: 'broken' };
    case 'snapshot_end':
      return endSnapshot(picture, frame, now_ms);
    case 'delta':
      return applyDelta(picture, frame, now_ms);
    case 'beat':
      return applyBeat(picture, frame, now_ms);
    case 'outcome':
      return applyOutcome(picture, frame, now_ms);
    case 'desk': // the whole of it, beside the positions: nothing of an earlier one stays
      return { ...picture, desk: { incidents: frame.incidents, flood: frame.flood, version: frame.version, numbers: numbered(picture.desk, frame) } };
    case 'desk_delta':
      return frame.prev === picture.desk.version ? { ...picture, desk: changedDesk(picture.desk, frame) } : { ...picture, sync: 'broken' };
    case 'gap': // what is held stays until the snapshot that follows has named the rest
    case 'error':
      return picture;
  }
}

function changedDesk(desk: Desk, frame: DeskDelta): Desk {
  const incidents = new Map(desk.incidents.map((one) => [one.id, one]));
  for (const id of frame.gone) incidents.delete(id);
  for (const one of frame.incidents) incidents.set(one.id, one);
  return { incidents: [...incidents.values()], flood: frame.flood, version: frame.version, numbers: numbered(desk, frame) };
}

/** The numbers held with those of a frame; the very same map when all of them are in it. */
function numbered(desk: Desk, frame: Pick<DeskFrame, 'incidents' | 'numbers'>): ReadonlyMap<string, number> {
  const held = desk.numbers ?? new Map<string, number>();
  const said = [...Object.entries(frame.numbers ?? {}), ...frame.incidents.map((one) => [one.id, one.number] as const)];
  if (said.every(([id, number]) => held.get(id) === number)) return held;
  return new Map([...held, ...said].slice(-NUMBERS_MAX));
}

function everything(picture: Picture): Suspect {
  return {
    alerts: new Set(picture.alerts.keys()),
    feeds: new Set(picture.feeds.keys()),
    readings: new Set(picture.readings.keys()),
    minutes: new Set(picture.minutes.keys()),
  };
}

/** `held` with the items put in; the very same map when there is nothing to put. */
function put<T extends { readonly key: string }>(
  held: ReadonlyMap<string, T>, items: readonly T[] | undefined,
): ReadonlyMap<string, T> {
  if (!items?.length) return held;
  const next = new Map(held);
  for (const item of items) next.set(item.key, item);
  return next;
}

function without<T>(held: ReadonlyMap<string, T>, keys: Iterable<string> | undefined): ReadonlyMap<string, T> {
  const dead = [...(keys ?? [])].filter((key) => held.has(key));
  if (dead.length === 0) return held;
  const next = new Map(held);
  for (const key of dead) next.delete(key);
  return next;
}

function unsuspect(suspect: ReadonlySet<string>, keys: readonly string[]): ReadonlySet<string> {
  if (keys.length === 0 || suspect.size === 0) return suspect;
  const next = new Set(suspect);
  for (const key of keys) next.delete(key);
  return next;
}

/** Puts changed entities into the picture: an alert only when it is not older than the one held. */
function apply(picture: Picture, changes: Changes, now_ms: number): Picture {
  const alerts = new Map(picture.alerts);
  const seen = new Map(picture.day);
  for (const alert of changes.alerts ?? []) {
    const held = alerts.get(alert.id);
    const replaces = picture.overwrite && picture.suspect?.alerts.has(alert.id);
    if (held && held.version > alert.version && !replaces) continue;
    alerts.set(alert.id, alert);
    seen.set(alert.id, alert);
  }
  const changed = (changes.alerts?.length ?? 0) > 0;
  const next: Picture = {
    ...picture,
    alerts: changed ? alerts : picture.alerts,
    day: changed ? lastDay(seen, serverTime(picture, now_ms)) : picture.day,
    feeds: put(picture.feeds, changes.feeds),
    readings: put(picture.readings, changes.readings),
    minutes: put(picture.minutes, changes.minutes),
  };
  if (!next.suspect) return next;
  return {
    ...next,
    suspect: {
      alerts: unsuspect(next.suspect.alerts, (changes.alerts ?? []).map((a) => a.id)),
      feeds: unsuspect(next.suspect.feeds, (changes.feeds ?? []).map((f) => f.key)),
      readings: unsuspect(next.suspect.readings, (changes.readings ?? []).map((r) => r.key)),
      minutes: unsuspect(next.suspect.minutes, (changes.minutes ?? []).map((m) => m.key)),
    },
  };
}

function endSnapshot(picture: Picture, frame: SnapshotEnd, now_ms: number): Picture {
  if (picture.sync !== 'snapshot' || !picture.suspect) return { ...picture, sync: 'broken' };
  const at_ms = serverTime(picture, now_ms);
  const blind_from_ms = picture.beat?.server_time_ms;
  const missed = picture.held_since_ms !== null && blind_from_ms !== undefined;
  return {
    ...picture,
    epoch: picture.hello?.epoch ?? picture.epoch,
    pos: frame.pos,
    sync: 'live',
    suspect: null,
    overwrite: false,
    alerts: without(picture.alerts, picture.suspect.alerts),
    feeds: without(picture.feeds, picture.suspect.feeds),
    readings: without(picture.readings, picture.suspect.readings),
    minutes: recent(without(picture.minutes, picture.suspect.minutes), at_ms),
    day: endVanished(picture.day, picture.suspect.alerts),
    held_since_ms: picture.held_since_ms ?? at_ms,
    unseen: missed ? [...picture.unseen, { from_ms: blind_from_ms, to_ms: at_ms }].slice(-UNSEEN_MAX) : picture.unseen,
  };
}

function applyDelta(picture: Picture, frame: Delta, now_ms: number): Picture {
  if (picture.sync === 'snapshot' || picture.pos === null || frame.prev !== picture.pos) {
    return { ...picture, sync: 'broken' };
  }
  const offset_ms = frame.server_time_ms - now_ms;
  const next = apply({ ...picture, offset_ms }, frame, now_ms);
  const gone: Gone = frame.gone ?? {};
  return {
    ...next,
    epoch: next.hello?.epoch ?? next.epoch,
    pos: frame.pos,
    sync: 'live',
    alerts: without(next.alerts, gone.alerts),
    feeds: without(next.feeds, gone.feeds),
    readings: without(next.readings, gone.readings),
    minutes: recent(without(next.minutes, gone.minutes), frame.server_time_ms),
    day: endVanished(next.day, new Set(gone.alerts ?? [])),
  };
}

function applyBeat(picture: Picture, frame: Beat, now_ms: number): Picture {
  const beat = {
    received_ms: now_ms, server_time_ms: frame.server_time_ms, lag_s: frame.lag_s, degraded: frame.degraded,
  };
  return { ...picture, beat, offset_ms: frame.server_time_ms - now_ms };
}

function applyOutcome(picture: Picture, frame: OutcomeFrame, now_ms: number): Picture {
  // Only an alert that is held: an answer must not bring back what a delta has already taken away.
  const held = frame.alert && picture.alerts.has(frame.alert.id) ? [frame.alert] : [];
  const next = apply(picture, { alerts: held }, now_ms);
  return { ...next, outcomes: [...next.outcomes, frame].slice(-OUTCOMES_MAX) };
}

/** An alert that the server no longer names has ended at the latest when it last changed. */
function endVanished(day: ReadonlyMap<string, Alert>, ids: ReadonlySet<string>): ReadonlyMap<string, Alert> {
  const open = [...ids].filter((id) => day.get(id)?.cleared_ms == null && day.has(id));
  if (open.length === 0) return day;
  const next = new Map(day);
  for (const id of open) {
    const alert = next.get(id);
    if (alert) next.set(id, { ...alert, active: false, closed: true, cleared_ms: alert.updated_ms });
  }
  return next;
}

function lastDay(day: Map<string, Alert>, at_ms: number): ReadonlyMap<string, Alert> {
  for (const [id, alert] of day) {
    const end_ms = alert.cleared_ms ?? (alert.active ? at_ms : alert.updated_ms);
    if (end_ms < at_ms - DAY_MS) day.delete(id);
  }
  while (day.size > DAY_ALERTS_MAX) {
    const oldest = day.keys().next();
    if (oldest.done) break;
    day.delete(oldest.value);
  }
  return day;
}

function recent(minutes: ReadonlyMap<string, Minute>, at_ms: number): ReadonlyMap<string, Minute> {
  return without(minutes, [...minutes.values()].filter((m) => m.start_ms < at_ms - MINUTES_KEPT_MS).map((m) => m.key));
}
