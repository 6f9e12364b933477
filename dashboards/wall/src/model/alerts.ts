/** Questions about alerts: which are open, which wait for a human, in which order, and where. Pure. */

import { groupOf, type Group, type Profile } from './profile';
import type { Picture } from './picture';
import { PRIORITIES, type Alert, type Priority } from './wire';

/** On the shelf or out of service: in a list of its own, asks nobody, counts apart. */
export function isHidden(alert: Alert): boolean {
  return !alert.closed && ['shelved-until', 'shelved-oneshot', 'out-of-service'].includes(alert.suppression ?? 'none');
}

/** Still somebody's business: the condition holds, nobody has acknowledged it yet, or it waits for its reset. */
export function isOpen(alert: Alert): boolean {
  return !alert.closed && !isHidden(alert) && (alert.active || !alert.acked || (alert.latched ?? false));
}

/** It went away and was acknowledged, and stays until somebody resets it or closes it with a result. */
export function isLatched(alert: Alert): boolean {
  return isOpen(alert) && !alert.active && alert.acked;
}

/** The desk explains it by another alert, a silence or a planned window: also in the list of what is hidden. */
export function isExplained(alert: Alert): boolean {
  return !alert.closed && alert.active && !!alert.explained;
}

/** Something explains it while it stands, so it asks nobody: its silent centre, or what the desk says. */
export function isMuted(alert: Alert): boolean {
  return alert.active && (!!alert.muted_by || !!alert.explained);
}

/** Drawn as an outline: somebody has it, or it asks nobody. */
export function isQuiet(alert: Alert): boolean {
  return alert.acked || isMuted(alert);
}

/**
 * Asks for a person: neither acknowledged nor muted. The gateway sends no alert of a drill; if one came all the same, it
 * would ring for nobody.
 */
export function isWaiting(alert: Alert): boolean {
  return isOpen(alert) && !alert.acked && !isMuted(alert) && !alert.exercise;
}

/** Most urgent first: priority, then not acknowledged, then newest; the id makes the order total. */
export function byUrgency(a: Alert, b: Alert): number {
  return a.priority - b.priority || Number(a.acked) - Number(b.acked) || b.raised_ms - a.raised_ms || byId(a, b);
}

/** Order of the queue: everything that waits before everything that somebody has, then by urgency. */
export function byQueue(a: Alert, b: Alert): number {
  return Number(!isWaiting(a)) - Number(!isWaiting(b)) || Number(a.acked) - Number(b.acked) || a.priority - b.priority
    || b.raised_ms - a.raised_ms || byId(a, b);
}

/** Oldest acknowledgement first: what was taken long ago is what gets forgotten. */
export function byAcknowledged(a: Alert, b: Alert): number {
  return (a.acked_ms ?? 0) - (b.acked_ms ?? 0) || byId(a, b);
}

/** What ends or is to be looked at next stands first. */
export function byEnd(a: Alert, b: Alert): number {
  return (endOf(a) ?? 0) - (endOf(b) ?? 0) || byId(a, b);
}

/** When a shelf ends, or a silence, or when somebody should look at what is out of service; server milliseconds. */
export function endOf(alert: Alert): number | null {
  return alert.hidden?.until_ms ?? alert.hidden?.review_ms ?? alert.explained?.until_ms ?? null;
}

export function byCleared(a: Alert, b: Alert): number {
  return (b.cleared_ms ?? b.updated_ms) - (a.cleared_ms ?? a.updated_ms) || byId(a, b);
}

function byId(a: Alert, b: Alert): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

export function openAlerts(picture: Picture): Alert[] {
  return [...picture.alerts.values()].filter(isOpen).sort(byUrgency);
}

export interface Count {
  readonly priority: Priority;
  readonly waiting: number;
  readonly open: number;
}

/** Per priority: not acknowledged (big on the wall) and open (small). */
export function countByPriority(picture: Picture): Count[] {
  const open = openAlerts(picture);
  return PRIORITIES.map((priority) => {
    const of = open.filter((alert) => alert.priority === priority);
    return { priority, open: of.length, waiting: of.filter(isWaiting).length };
  });
}

/** The cards of the wall: what waits for a human, P1 to P3, most urgent first. P4 informs and never calls. */
export function waitingCards(picture: Picture, max: number): Alert[] {
  return openAlerts(picture).filter((alert) => isWaiting(alert) && alert.priority < 4).slice(0, max);
}

/** The last alert up to P3 that somebody took, for the quiet line; of everything seen during the last day. */
export function lastHandled(picture: Picture): Alert | null {
  const done = [...picture.day.values()].filter((alert) => alert.acked && alert.acked_ms != null && alert.priority < 4);
  return done.reduce<Alert | null>((newest, a) => (newest && newest.raised_ms >= a.raised_ms ? newest : a), null);
}

export const LOAD_WINDOW_MS = 10 * 60_000;
/** New alerts in ten minutes above which one operator cannot follow (ANSI/ISA-18.2, EEMUA 191: alarm flood), where the desk gives no limit. */
export const LOAD_LIMIT = 10;

/** How many alerts were raised lately, in the last ten minutes if nothing else is said, as far as this page has seen; of no drill. */
export function newWithin(picture: Picture, server_now_ms: number, window_ms: number = LOAD_WINDOW_MS): number {
  return [...picture.day.values()].filter((a) => a.raised_ms > server_now_ms - window_ms && !a.exercise).length;
}

export interface AreaState {
  readonly code: string;
  readonly alerts: readonly Alert[];
  /** The most urgent open alert; when one of that priority waits, that one. */
  readonly worst: Alert | null;
}

/** Area code under which an alert is drawn: its own, else its unit's parent, else the only area of a city centre. */
export function areaOf(alert: Alert, drawn: ReadonlySet<string>, profile: Profile): string | null {
  if (drawn.has(alert.area)) return alert.area;
  const parent = profile.areas.find((area) => area.code === alert.area)?.parent;
  if (parent && drawn.has(parent)) return parent;
  const centre = profile.centres.find((c) => c.id === alert.centre);
  const only = centre?.kind === 'city' && centre.areas.length === 1 ? centre.areas[0] : undefined;
  return only !== undefined && drawn.has(only) ? only : null;
}

/** Open alerts by the areas that the map draws. */
export function areaStates(picture: Picture, codes: readonly string[], profile: Profile): Map<string, AreaState> {
  const drawn = new Set(codes);
  const by = new Map<string, Alert[]>(codes.map((code) => [code, []]));
  for (const alert of openAlerts(picture)) {
    const code = areaOf(alert, drawn, profile);
    if (code !== null) by.get(code)?.push(alert);
  }
  return new Map([...by].map(([code, alerts]) => [code, { code, alerts, worst: alerts[0] ?? null }]));
}

/** Open alerts of one matrix row, by urgency. */
export function alertsOf(open: readonly Alert[], group: Group, profile: Profile): Alert[] {
  return open.filter((alert) => groupOf(alert, profile) === group);
}
