/** Incidents and the flood: what the desk says, put together with the alerts of the picture. Pure. */

import { byUrgency, isHidden, isMuted, isQuiet, isWaiting, LOAD_LIMIT, LOAD_WINDOW_MS, newWithin, openAlerts } from './alerts';
import type { Picture } from './picture';
import type { Lang } from './profile';
import { PRIORITIES, type Alert, type Priority } from './wire';
import type { Flood, Incident, Member } from './wire_desk';

/** Open members of one priority: nobody has them, or somebody. */
export interface MemberCount {
  readonly priority: Priority;
  readonly waiting: number;
  readonly acked: number;
}

/** An incident as it is shown: its open members in the state of the picture. */
export interface IncidentView {
  readonly incident: Incident;
  /** Only priorities that occur. */
  readonly counts: readonly MemberCount[];
  /** Worst priority among open members that nobody has; null when somebody has every one. */
  readonly waiting: Priority | null;
  readonly waiting_n: number;
  /** Worst priority among open members; that of the incident when none is open. */
  readonly worst: Priority;
  /** Open members that are not hidden. */
  readonly alerts: number;
  /** Open members that are shelved, suppressed or out of service: they ask nobody, and nobody has them. */
  readonly hidden: number;
  readonly areas: number;
}

/** So long after its window the figure of a living desk has moved: what is older is of a desk that stands still. */
const FLOOD_STALE_MS = 30_000;
/** Rule of the alert with which alerting says that it does not hear the desk. */
const DESK_RULE = 'desk-silent';

/**
 * Is the desk known to be silent? The gateway misses its record of every minute, or alerting says so. What it said last
 * may be over then: incidents, their leaders, a flood.
 */
export function deskSilent(picture: Picture): boolean {
  if (picture.beat?.degraded.includes('desk')) return true;
  return [...picture.alerts.values()].some((a) => a.rule === DESK_RULE && a.active && !a.closed && !a.exercise);
}

/**
 * The flood when there is one, of a desk that lives. Its figure moves at the latest when the newest alert leaves the
 * window; one that does not is of a desk that stands still, and then every alert sounds and stands for itself again.
 */
export function floodOf(picture: Picture, server_ms: number): Flood | null {
  const { flood } = picture.desk;
  if (!flood || flood.since_ms === null || deskSilent(picture)) return null;
  return server_ms - flood.changed_ms <= flood.window_s * 1000 + FLOOD_STALE_MS ? flood : null;
}

/** New alerts above which there is a flood, all positions together. */
export function floodLimit(flood: Flood): number {
  return flood.above * flood.positions;
}

/** How many alerts are new, how many are too many for all positions, and within how many minutes. */
export interface Load {
  readonly n: number;
  readonly limit: number;
  readonly minutes: number;
}

/** The load as the desk counts it; as this page has seen it when the desk is silent or has said nothing yet. */
export function loadOf(picture: Picture, server_ms: number): Load {
  const { flood } = picture.desk;
  const window_ms = flood ? flood.window_s * 1000 : LOAD_WINDOW_MS;
  const n = flood && !deskSilent(picture) ? flood.new : newWithin(picture, server_ms, window_ms);
  return { n, limit: flood ? floodLimit(flood) : LOAD_LIMIT, minutes: Math.round(window_ms / 60_000) };
}

/** `S-118`, as people say it. */
export function labelOf(incident: Pick<Incident, 'number'>): string {
  return `S-${incident.number}`;
}

export function incidentTitle(of: Pick<Incident, 'title_vi' | 'title_en'>, lang: Lang): string {
  return lang === 'en' ? of.title_en || of.title_vi : of.title_vi || of.title_en;
}

/** Open incidents of the real world. */
export function openIncidents(picture: Picture): Incident[] {
  return picture.desk.incidents.filter((one) => one.state === 'open' && one.exercise === null);
}

export interface MemberState {
  readonly at: 'left' | 'hidden' | 'acked' | 'waiting';
  readonly priority: Priority;
}

/** How a member stands: the alert of the picture when it holds it, else as the desk told it last. */
export function memberState(member: Member, picture: Picture): MemberState {
  const alert = picture.alerts.get(member.alert_id);
  const { priority } = alert ?? member;
  if (member.left_ms !== null || alert?.closed) return { at: 'left', priority };
  if (alert ? isHidden(alert) || isMuted(alert) : member.hidden) return { at: 'hidden', priority };
  return { at: (alert ? isQuiet(alert) : member.acked) ? 'acked' : 'waiting', priority };
}

export function viewOf(incident: Incident, picture: Picture): IncidentView {
  const there = incident.members.map((member) => ({ ...memberState(member, picture), place: member.area || member.centre }));
  const open = there.filter((one) => one.at === 'waiting' || one.at === 'acked');
  const asking = open.filter((one) => one.at === 'waiting');
  const counts = PRIORITIES.map((priority) => {
    const of = open.filter((one) => one.priority === priority);
    const waiting = of.filter((one) => one.at === 'waiting').length;
    return { priority, waiting, acked: of.length - waiting };
  });
  return {
    incident,
    counts: counts.filter((one) => one.waiting + one.acked > 0),
    waiting: asking.length ? (Math.min(...asking.map((one) => one.priority)) as Priority) : null,
    waiting_n: asking.length,
    worst: counts.find((one) => one.waiting + one.acked > 0)?.priority ?? incident.priority,
    alerts: open.length,
    hidden: there.filter((one) => one.at === 'hidden').length,
    areas: new Set(open.map((one) => one.place)).size,
  };
}

/** What waits before what somebody has, then the worst, then the newest. */
export function byNeed(a: IncidentView, b: IncidentView): number {
  return (a.waiting ?? 9) - (b.waiting ?? 9) || a.worst - b.worst
    || b.incident.opened_ms - a.incident.opened_ms || b.incident.number - a.incident.number;
}

/** Open incidents of the real world with an open member that is not hidden, the neediest first. */
export function incidentViews(picture: Picture): IncidentView[] {
  return openIncidents(picture).map((one) => viewOf(one, picture)).filter((one) => one.alerts > 0).sort(byNeed);
}

/** The open incident that an alert belongs to; null when it belongs to none. */
export function incidentOf(picture: Picture, alert_id: string): Incident | null {
  return openIncidents(picture).find((one) => one.members.some((m) => m.alert_id === alert_id && m.left_ms === null)) ?? null;
}

/** Ids of alerts that belong to an open incident → its number. One pass, for lists. */
export function incidentNumbers(picture: Picture): ReadonlyMap<string, number> {
  return new Map(openIncidents(picture).flatMap((one) =>
    one.members.filter((m) => m.left_ms === null).map((m) => [m.alert_id, one.number] as const)));
}

export type FloodCard =
  | { readonly kind: 'incident'; readonly view: IncidentView }
  | { readonly kind: 'alert'; readonly alert: Alert };

/** What the strip of the wall shows in a flood. */
export interface FloodStrip {
  readonly cards: readonly FloodCard[];
  /** The first incident that found no place, for the narrow card. */
  readonly next: IncidentView | null;
  /** Incidents beyond that one. */
  readonly more: number;
  /** Waiting alerts of no incident that have no card. */
  readonly singles: number;
}

/**
 * By what waits for a person, the most urgent first: incidents, and single alerts from P1 to P3. At the same priority an
 * incident comes before a single alert, but a single P1 before an incident: its incident would be no card to look at.
 * Incidents that somebody has fill what is left, and the rest is a number.
 */
export function floodStrip(picture: Picture, places: number): FloodStrip {
  const views = incidentViews(picture);
  const numbers = incidentNumbers(picture);
  const singles = openAlerts(picture).filter((a) => isWaiting(a) && !numbers.has(a.id)).sort(byUrgency);
  const needOf = (card: FloodCard): number => {
    if (card.kind === 'incident') return card.view.waiting ?? 9;
    return card.alert.priority === 1 ? 0.5 : card.alert.priority + 0.5;
  };
  const all: FloodCard[] = [
    ...views.map((view) => ({ kind: 'incident', view }) as const),
    ...singles.filter((a) => a.priority < 4).map((alert) => ({ kind: 'alert', alert }) as const),
  ];
  const cards = all.sort((a, b) => needOf(a) - needOf(b)).slice(0, places);
  const rest = views.filter((view) => !cards.some((card) => card.kind === 'incident' && card.view === view));
  const shown = cards.filter((card) => card.kind === 'alert').length;
  return { cards, next: rest[0] ?? null, more: Math.max(0, rest.length - 1), singles: singles.length - shown };
}
