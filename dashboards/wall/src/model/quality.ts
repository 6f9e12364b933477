/** Figures of the load of the operators and of the quality of the alerts. Pure; mirrors `ioc/domain/alarm_quality.py`. */

import { nameOf, type Lang, type Profile } from './profile';
import { PRIORITIES, type Priority } from './wire';

/** Durations in seconds, nearest rank; null of none. */
export interface Times {
  readonly n: number;
  readonly p50_s: number | null;
  readonly p90_s: number | null;
}
export interface Durations {
  readonly all: Times;
  readonly by_priority: Readonly<Record<string, Times>>;
  readonly by_centre: Readonly<Record<string, Times>>;
}
/** An object of a rule; `key` is `rule|centre|object`, `share` the part of all announcements. */
export interface Actor {
  readonly key: string;
  readonly times: number;
  readonly share: number;
}
/** The figures of a span. Rates are per position; `slots` are announcements of each ten minutes, all positions together. */
export interface Quality {
  readonly from_ms: number;
  readonly to_ms: number;
  readonly positions: number;
  readonly announced: number;
  readonly rate_per_10min: number;
  readonly peak_per_10min: number;
  readonly flood_share: number;
  readonly slots: readonly number[];
  readonly by_priority: Readonly<Record<string, number>>;
  readonly by_centre: Readonly<Record<string, number>>;
  readonly acknowledge: Durations;
  readonly clear: Durations;
  readonly chattering: readonly Actor[];
  readonly bad_actors: readonly Actor[];
  readonly bad_actors_share: number;
}
/** What stands at one moment. */
export interface Standing {
  readonly at_ms: number;
  readonly standing: Readonly<Record<string, number>>;
  readonly unacknowledged: number;
  readonly blind: number;
  readonly muted: number;
  readonly hidden: Readonly<Record<string, number>>;
  readonly stale_count: number;
  readonly stale: readonly string[];
}
/** `GET /api/quality`. Of a busy span only what began at `complete_from_ms` is counted. */
export interface QualityAnswer {
  readonly span: Quality;
  readonly now: Standing;
  readonly complete_from_ms: number;
}

const HOUR_MS = 3_600_000;
/** Spans that the page offers. */
export const RANGES = { h8: 8 * HOUR_MS, h24: 24 * HOUR_MS, d7: 7 * 24 * HOUR_MS } as const;
export type Range = keyof typeof RANGES;
export const RANGE_NAMES: readonly Range[] = ['h8', 'h24', 'd7'];
/** Announcements of ten minutes per position above which one cannot follow; a starting point of process plants. */
const FLOOD_ABOVE = 10;
const SLOT_S = 600;
/** Bars of the strip; several slots of a longer span become one, the worst of them. */
export const BARS_MAX = 144;

export interface Bar {
  /** Announcements per position of the worst ten minutes of the bar. */
  readonly rate: number;
  readonly flood: boolean;
}

/** The limit of the installation, per position, brought to ten minutes; the usual one while the desk has said none. */
export function floodLimitOf(flood: { readonly above: number; readonly window_s: number } | null): number {
  return flood ? (flood.above * SLOT_S) / flood.window_s : FLOOD_ABOVE;
}

/** Part of the slots with more than the limit per position. */
export function floodShare(span: Pick<Quality, 'slots' | 'positions'>, limit: number): number {
  const above = span.slots.filter((n) => n / Math.max(1, span.positions) > limit).length;
  return above / Math.max(1, span.slots.length);
}

export function bars(span: Pick<Quality, 'slots' | 'positions'>, limit: number, max: number = BARS_MAX): Bar[] {
  const each = Math.max(1, Math.ceil(span.slots.length / max));
  return Array.from({ length: Math.ceil(span.slots.length / each) }, (_, i) => {
    const rate = Math.max(...span.slots.slice(i * each, (i + 1) * each)) / Math.max(1, span.positions);
    return { rate, flood: rate > limit };
  });
}

/** Announcements per position of the ten minutes that are under way. */
export function rateNow(span: Pick<Quality, 'slots' | 'positions'>): number {
  return (span.slots.at(-1) ?? 0) / Math.max(1, span.positions);
}

/** How many of each priority were announced, and which part that is of all; parts add up to 1 unless there is none. */
export function split(span: Pick<Quality, 'by_priority'>): { priority: Priority; n: number; part: number }[] {
  const counts = PRIORITIES.map((priority) => ({ priority, n: span.by_priority[priority] ?? 0 }));
  const all = counts.reduce((sum, one) => sum + one.n, 0);
  return counts.map((one) => ({ ...one, part: all ? one.n / all : 0 }));
}

/** `Mưa lớn · Biên Hòa · R-TAMHIEP`: names of the profile, ids where it has none. */
export function actorName(actor: Pick<Actor, 'key'>, profile: Profile, lang: Lang): string {
  const [rule = '', centre = '', ...rest] = actor.key.split('|');
  const object = rest.join('|');
  const ruled = profile.rules.find((r) => r.id === rule);
  const centred = profile.centres.find((c) => c.id === centre);
  const site = profile.sites.find((s) => s.id === object && s.centre === centre);
  const named = site ? (lang === 'en' ? site.name_en || site.name_vi : site.name_vi) : object;
  return [ruled ? nameOf(ruled, lang) : rule, centred ? nameOf(centred, lang) : centre, named].filter(Boolean).join(' · ');
}
