/** The matrix: ten types by two city centres and the rest; the heads above, the strip of 24 hours beside. Pure. */

import { alertsOf, isQuiet, openAlerts } from './alerts';
import { newestAge, silentSince, unread } from './feeds';
import { unknownStretches } from './past';
import { DAY_MS, type Picture } from './picture';
import { GROUPS, groupOf, isWatched, nameOf, type Centre, type Group, type Lang, type Profile } from './profile';
import { PRIORITIES, type Alert, type Priority } from './wire';

export const OTHER = 'other';
/** City columns beside the column for all other centres; the wall has fixed places for two. */
const CITY_COLUMNS = 2;
export const MINUTE_MS = 60_000;
export const SPARK_MINUTES = 60;

export interface Column {
  /** Centre id, or `other`. */
  readonly id: string;
  readonly name: string;
  readonly centres: readonly string[];
}

export interface Head {
  readonly column: Column;
  /** Events of each of the last 60 full minutes, oldest first; null where no number is held. */
  readonly series: readonly (number | null)[];
  readonly per_minute: number | null;
  readonly age_ms: number | null;
  readonly silent_since_ms: number | null;
}

export interface Cell {
  readonly column: Column;
  readonly alerts: readonly Alert[];
  /** Nothing is shown and nothing can be known: the centre is silent. */
  readonly blind: boolean;
  /** A feed reports this; where none does, an empty cell does not mean that all is well. */
  readonly watched: boolean;
}

export interface Row {
  readonly group: Group;
  readonly cells: readonly Cell[];
  readonly any: boolean;
}

export function columns(profile: Profile, other: string, lang: Lang): Column[] {
  const cities: Centre[] = profile.centres.filter((c) => c.kind === 'city').slice(0, CITY_COLUMNS);
  const rest = profile.centres.filter((c) => !cities.includes(c)).map((c) => c.id);
  return [
    ...cities.map((c) => ({ id: c.id, name: nameOf(c, lang), centres: [c.id] })),
    { id: OTHER, name: other, centres: rest },
  ];
}

function columnSilence(picture: Picture, profile: Profile, column: Column): number | null {
  if (column.centres.length === 0) return null;
  const since = column.centres.map((id) => silentSince(picture, profile, id));
  return since.some((ms) => ms === null) ? null : Math.min(...since.map((ms) => ms ?? Infinity));
}

/** Nobody reads any of its centres: no alert is no good news. */
function columnUnread(picture: Picture, column: Column): boolean {
  return column.centres.length > 0 && column.centres.every((id) => unread(picture, id));
}

export function heads(picture: Picture, profile: Profile, cols: readonly Column[], server_now_ms: number): Head[] {
  const last_ms = Math.floor(server_now_ms / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
  return cols.map((column) => {
    const series = Array.from({ length: SPARK_MINUTES }, (_, i) => {
      const start_ms = last_ms - (SPARK_MINUTES - 1 - i) * MINUTE_MS;
      const counts = column.centres.flatMap((id) => picture.minutes.get(`${id}/${start_ms}`)?.events ?? []);
      return counts.length ? counts.reduce((a, b) => a + b, 0) : null;
    });
    return {
      column,
      series,
      per_minute: series.at(-1) ?? series.at(-2) ?? null,
      age_ms: newestAge(picture, column.centres, server_now_ms),
      silent_since_ms: columnSilence(picture, profile, column),
    };
  });
}

export function rows(picture: Picture, profile: Profile, cols: readonly Column[]): Row[] {
  const open = openAlerts(picture);
  const known = new Set(cols.flatMap((column) => column.centres));
  const silent = new Map(cols.map((column) => [column.id, columnSilence(picture, profile, column) !== null]));
  const unheard = new Map(cols.map((column) => [column.id, columnUnread(picture, column)]));
  return GROUPS.map((group) => {
    const of = alertsOf(open, group, profile);
    const cells = cols.map((column) => {
      const alerts = of.filter((a) =>
        column.id === OTHER ? column.centres.includes(a.centre) || !known.has(a.centre)
          : column.centres.includes(a.centre));
      const watched = isWatched(group, column.centres, profile);
      return { column, alerts, watched, blind: alerts.length === 0 && (unheard.get(column.id) === true || (group !== 'source' && silent.get(column.id) === true)) };
    });
    return { group, cells, any: of.length > 0 };
  });
}

/** More marks than fit in a cell: one mark per priority with its number. */
export function grouped(alerts: readonly Alert[]): { priority: Priority; acked: boolean; n: number }[] {
  return PRIORITIES.flatMap((priority) => {
    const of = alerts.filter((a) => a.priority === priority);
    return of.length ? [{ priority, acked: of.every(isQuiet), n: of.length }] : [];
  });
}

export interface Span {
  /** Fractions of the day shown, 0 = 24 h ago, 1 = now. */
  readonly from: number;
  readonly to: number;
}
export interface Block extends Span {
  readonly priority: Priority;
}
export interface DayStrip {
  readonly group: Group;
  readonly blocks: readonly Block[];
  /** Nothing at all is known of these times; of a row that no feed reports, of none. */
  readonly unknown: readonly Span[];
  /** One centre was silent. */
  readonly partly: readonly Span[];
}

function span(from_ms: number, to_ms: number, server_now_ms: number): Span[] {
  const at = (ms: number): number => Math.min(1, Math.max(0, 1 - (server_now_ms - ms) / DAY_MS));
  return to_ms >= server_now_ms - DAY_MS && to_ms >= from_ms ? [{ from: at(from_ms), to: at(to_ms) }] : [];
}

/** The last 24 hours of each row, from the alerts that this page has seen or the database remembers. */
export function dayStrips(picture: Picture, profile: Profile, server_now_ms: number): DayStrip[] {
  const seen = [...picture.day.values()];
  const end = (a: Alert): number => a.cleared_ms ?? (a.active ? server_now_ms : a.updated_ms);
  const unknown = unknownStretches(picture, server_now_ms).flatMap((u) => span(u.from_ms, u.to_ms, server_now_ms));
  const everybody = profile.centres.map((c) => c.id);
  const silences = seen.filter((a) => a.type === 'source.heartbeat');
  const partly = silences.flatMap((a) => span(a.started_ms, end(a), server_now_ms));
  return GROUPS.map((group) => ({
    group,
    unknown: isWatched(group, everybody, profile) ? unknown : [{ from: 0, to: 1 }],
    partly: group === 'source' ? [] : partly,
    blocks: seen
      .filter((a) => groupOf(a, profile) === group)
      .sort((a, b) => b.priority - a.priority)
      .flatMap((a) => span(a.started_ms, end(a), server_now_ms).map((s) => ({ ...s, priority: a.priority }))),
  }));
}

/** Full hours 0, 6, 12, 18 (zone offset given) inside the strip, with their place. */
export function dayTicks(server_now_ms: number, zone_offset_ms: number): { at: number; hour: number }[] {
  const step = 6 * 3_600_000;
  const first = Math.ceil((server_now_ms - DAY_MS + zone_offset_ms) / step) * step - zone_offset_ms;
  return [0, 1, 2, 3, 4].flatMap((i) => {
    const ms = first + i * step;
    const at = 1 - (server_now_ms - ms) / DAY_MS;
    const hour = Math.floor((ms + zone_offset_ms) / 3_600_000) % 24;
    return at > 0.04 && at < 0.95 ? [{ at, hour }] : [];
  });
}
