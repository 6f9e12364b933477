/** Rivers, rain and air: the latest reading of each station against its limits. Pure. */

import { isOpen } from './alerts';
import { silentSince } from './feeds';
import { nameOf, shortOf, type Lang, type Profile, type Site } from './profile';
import type { Picture } from './picture';
import type { Alert, Priority, Reading } from './wire';
import { hourlyAqi } from '../lib/aqi';

export interface Station {
  readonly site: Site;
  readonly name: string;
  readonly reading: Reading | null;
  /** The open alert of this station and type, the most urgent one. */
  readonly alert: Alert | null;
  /** The centre is silent or nothing has ever come: the value says nothing about now. */
  readonly blind: boolean;
}

export interface River extends Station {
  readonly level_m: number | null;
  readonly trend_cm_h: number | null;
  /** BĐ1, BĐ2, BĐ3 in metres; null where the limit is not known. */
  readonly limits: readonly [number | null, number | null, number | null];
}
export interface Rain extends Station {
  readonly mm_1h: number | null;
  readonly mm_24h: number | null;
}
export interface Air extends Station {
  readonly aqi: number | null;
}

function numberOf(reading: Reading | null, field: string): number | null {
  const value = reading?.data[field];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Sites that report a type: those of the feeds that carry it, in the order of the profile. */
export function sitesOf(profile: Profile, type: string): Site[] {
  const feeds = new Set(
    profile.feeds
      .filter((feed) => feed.type === type || feed.types?.includes(type))
      .map((feed) => `${feed.centre}/${feed.id}`),
  );
  return profile.sites.filter((site) => feeds.has(`${site.centre}/${site.feed}`));
}

/** Names for a narrow column: without what is in brackets and without the words that all of them begin with. */
export function shortNames(names: readonly string[]): string[] {
  const words = names.map((name) => name.replace(/\s*\(.*\)\s*$/, '').split(' '));
  let common = 0;
  const least = Math.min(...words.map((w) => w.length)) - 1;
  while (names.length > 1 && common < least && words.every((w) => w[common] === words[0]?.[common])) common += 1;
  return words.map((w) => w.slice(common).join(' '));
}

function stations(picture: Picture, profile: Profile, type: string, lang: Lang): Station[] {
  const sites = sitesOf(profile, type);
  const names = shortNames(sites.map((site) => nameOf(site, lang))).map((name, i) => shortOf(sites[i] ?? {}, lang) ?? name);
  return sites.map((site, i) => {
    const reading = picture.readings.get(`${site.centre}/${site.feed}/${site.id}/${type}`) ?? null;
    const alerts = [...picture.alerts.values()].filter(
      (a) => isOpen(a) && a.active && a.site === site.id && a.centre === site.centre && a.type === type,
    );
    const alert = alerts.sort((a, b) => a.priority - b.priority)[0] ?? null;
    const blind = reading === null || silentSince(picture, profile, site.centre) !== null;
    return { site, name: names[i] ?? site.id, reading, alert, blind };
  });
}

export function rivers(picture: Picture, profile: Profile, lang: Lang): River[] {
  return stations(picture, profile, 'hydro.level', lang).map((station) => {
    const limit = (name: string): number | null => station.site.limits?.[name] ?? null;
    const trend_m_h = numberOf(station.reading, 'trend_m_h');
    return {
      ...station,
      level_m: numberOf(station.reading, 'level_m'),
      trend_cm_h: trend_m_h === null ? null : Math.round(trend_m_h * 100),
      limits: [limit('bd1'), limit('bd2'), limit('bd3')],
    };
  });
}

/**
 * The stations that have a place on the wall: in turn from every centre, in the order of the profile, so that places
 * stay fixed; a station with an open alert takes the place of the last one without.
 */
export function pickStations<T extends Station>(all: readonly T[], max: number): T[] {
  const centres = [...new Set(all.map((s) => s.site.centre))];
  const turns = centres.map((id) => all.filter((s) => s.site.centre === id));
  const longest = Math.max(0, ...turns.map((t) => t.length));
  const fair = Array.from({ length: longest }, (_, i) => turns.flatMap((t) => t[i] ?? [])).flat();
  const urgent = fair.slice(max).filter((s) => s.alert !== null);
  const shown = fair.slice(0, max);
  for (let i = shown.length - 1; i >= 0 && urgent.length; i -= 1) {
    const next = shown[i]?.alert === null ? urgent.shift() : undefined;
    if (next) shown[i] = next;
  }
  return all.filter((s) => shown.includes(s));
}

export interface Shown<T> {
  readonly rows: readonly T[];
  /** How many stations there are in all. */
  readonly total: number;
}

export function rain(picture: Picture, profile: Profile, lang: Lang, max: number): Shown<Rain> {
  const all = stations(picture, profile, 'rain.gauge', lang).map((station) => ({
    ...station,
    mm_1h: numberOf(station.reading, 'mm_1h'),
    mm_24h: numberOf(station.reading, 'mm_24h'),
  }));
  return { rows: pickStations(all, max), total: all.length };
}

/** Air stations with the VN_AQI of the latest hourly means. */
export function air(picture: Picture, profile: Profile, lang: Lang, max: number): Shown<Air> {
  const all = stations(picture, profile, 'air.quality', lang).map((station) => ({
    ...station,
    aqi: hourlyAqi({
      pm25: numberOf(station.reading, 'pm25_ug_m3'),
      pm10: numberOf(station.reading, 'pm10_ug_m3'),
      o3: numberOf(station.reading, 'o3_ug_m3'),
      no2: numberOf(station.reading, 'no2_ug_m3'),
      so2: numberOf(station.reading, 'so2_ug_m3'),
      co: numberOf(station.reading, 'co_ug_m3'),
    }),
  }));
  return { rows: pickStations(all, max), total: all.length };
}

/** Places of BĐ1, BĐ2, BĐ3 on every river bar, as fractions of its length: the eye checks one vertical line. */
export const LIMIT_AT = [0.44, 0.68, 0.92] as const;

/**
 * Where a level stands on the piecewise scale, 0…1; null without BĐ1. Below BĐ1 the scale begins 2.5 steps of BĐ2−BĐ1
 * under it, at least 2.5 m: room for the ebb at Biên Hòa. Above the last known limit the steps go on.
 */
export function riverPosition(level_m: number, limits: River['limits']): number | null {
  const [bd1, bd2, bd3] = limits;
  if (bd1 === null) return null;
  const step = bd2 === null ? 1 : bd2 - bd1;
  const low = bd1 - Math.max(2.5, 2.5 * step);
  const between = (a: number, b: number, from: number, to: number): number =>
    Math.min(1, Math.max(0, from + ((level_m - a) / (b - a)) * (to - from)));
  if (level_m <= bd1) return between(low, bd1, 0, LIMIT_AT[0]);
  if (bd2 === null || level_m <= bd2) return between(bd1, bd2 ?? bd1 + step, LIMIT_AT[0], LIMIT_AT[1]);
  return between(bd2, bd3 ?? bd2 + step, LIMIT_AT[1], LIMIT_AT[2]);
}

/** The limit of a rule's mildest level in the rule's unit, for the line on a bar; null when the profile has none. */
export function mildestLimit(profile: Profile, type: string, field: string): number | null {
  const limits = profile.rules
    .filter((rule) => rule.type === type)
    .flatMap((rule) => (rule.levels ?? []).filter((level) => (level.field || rule.field || field) === field))
    .flatMap((level) => (typeof level.limit === 'number' ? [level.limit] : []));
  return limits.length ? Math.min(...limits) : null;
}

/** Priority whose colour a value takes: that of its alert, never of our own judgement. */
export function priorityOf(station: { readonly alert: Alert | null }): Priority | null {
  return station.alert?.priority ?? null;
}
