/** The installation as data, from `GET /api/profile`: no page knows the name of a province, a city or a threshold. */

import type { Priority } from './wire';

export type Lang = 'vi' | 'en';

/** Names that fit where the full one does not: at most 16 characters, empty or absent when there is none. */
export interface Short {
  readonly short_vi?: string;
  readonly short_en?: string;
}
export interface Centre {
  readonly id: string;
  readonly name_vi: string;
  readonly name_en: string;
  readonly kind: 'city' | 'province' | 'department';
  readonly areas: readonly string[];
  readonly simulated?: boolean;
}
export interface Area {
  readonly code: string;
  readonly name_vi: string;
  readonly name_en: string;
  readonly kind: string;
  readonly parent?: string | null;
}
export interface Site extends Short {
  readonly id: string;
  readonly centre: string;
  readonly area: string;
  readonly feed: string;
  readonly name_vi: string;
  readonly name_en?: string;
  readonly lon?: number | null;
  readonly lat?: number | null;
  /** Own thresholds by name: `bd1`, `bd2`, `bd3` in metres of the station's datum. One that is unknown is absent. */
  readonly limits?: Readonly<Record<string, number>>;
}
export interface Feed extends Short {
  readonly centre: string;
  readonly id: string;
  readonly name_vi: string;
  readonly name_en: string;
  readonly type?: string;
  readonly types?: readonly string[];
  readonly expected_period_s: number;
  /** Reports what happens and not by the clock. */
  readonly sporadic?: boolean;
}
export interface Target extends Short {
  readonly indicator: string;
  readonly pillar: 'government' | 'economy' | 'society';
  readonly name_vi: string;
  readonly name_en: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly target?: number | null;
  readonly base?: number | null;
  readonly scale_max?: number;
  readonly note_vi?: string;
  readonly note_en?: string;
}
export interface RuleLevel {
  readonly name: string;
  readonly priority: Priority;
  readonly limit?: number | null;
  readonly limit_from?: string | null;
  /** Field of the payload when it is not that of the rule. */
  readonly field?: string;
}
export interface Rule {
  readonly id: string;
  readonly name_vi: string;
  readonly name_en: string;
  readonly type: string;
  readonly group?: string;
  readonly field?: string;
  readonly levels?: readonly RuleLevel[];
  readonly guidance_vi?: string;
  readonly guidance_en?: string;
  readonly checklist?: readonly CheckStep[];
}
/** One thing to be done about an alert, ticked off. */
export interface CheckStep {
  readonly id: string;
  readonly text_vi: string;
  readonly text_en: string;
}
/** Whom a dispatcher can send. */
export interface Agency {
  readonly id: string;
  readonly name_vi: string;
  readonly name_en: string;
  readonly phone?: string;
}
export interface Profile {
  readonly name_vi: string;
  readonly name_en: string;
  readonly title_vi?: string;
  readonly title_en?: string;
  readonly simulated: boolean;
  readonly centres: readonly Centre[];
  readonly areas: readonly Area[];
  readonly sites: readonly Site[];
  readonly feeds: readonly Feed[];
  readonly targets: readonly Target[];
  readonly rules: readonly Rule[];
  readonly agencies?: readonly Agency[];
}

/** Rows of the wall's matrix, in the order of the wall. */
export const GROUPS = [
  'emergency', 'traffic', 'rain', 'river', 'utilities', 'environment', 'feedback', 'service', 'cyber', 'source',
] as const;
export type Group = (typeof GROUPS)[number];

const GROUP_OF_TYPE: Readonly<Record<string, Group>> = {
  'emergency.call': 'emergency',
  'cctv.analytics': 'emergency',
  'traffic.flow': 'traffic',
  'traffic.incident': 'traffic',
  'traffic.violation': 'traffic',
  'rain.gauge': 'rain',
  'flood.spot': 'rain',
  'hydro.level': 'river',
  'hydro.tide': 'river',
  'power.outage': 'utilities',
  'water.pressure': 'utilities',
  'lighting.cabinet': 'utilities',
  'air.quality': 'environment',
  'forest.fire_level': 'environment',
  'health.dengue': 'environment',
  'feedback.1022': 'feedback',
  'social.mention': 'feedback',
  'service.kpi': 'service',
  'service.case': 'service',
  'ecommerce.kpi': 'service',
  'population.link': 'service',
  'cyber.soc': 'cyber',
  'source.heartbeat': 'source',
};

/** Matrix row of an alert: what its rule says, else by event type; what nobody knows goes to the data-source row. */
export function groupOf(alert: { readonly rule: string; readonly type: string }, profile: Profile): Group {
  const group = profile.rules.find((rule) => rule.id === alert.rule)?.group;
  return GROUPS.find((g) => g === group) ?? GROUP_OF_TYPE[alert.type] ?? 'source';
}

/** Does a feed of one of these centres report what belongs in this row? The row of data sources needs none. */
export function isWatched(group: Group, centres: readonly string[], profile: Profile): boolean {
  return group === 'source' || profile.feeds.some((feed) => centres.includes(feed.centre)
    && [...(feed.types ?? []), ...(feed.type ? [feed.type] : [])].some((type) => GROUP_OF_TYPE[type] === group));
}

/** The name of a thing in the language of the page. */
export function nameOf(thing: { readonly name_vi: string; readonly name_en?: string }, lang: Lang): string {
  return (lang === 'en' ? thing.name_en : thing.name_vi) || thing.name_vi;
}

/** The short name of a thing, else null. */
export function shortOf(thing: Short, lang: Lang): string | null {
  return (lang === 'en' ? thing.short_en : thing.short_vi) || null;
}

/** The centre with that id; an id that the profile does not know is shown as it is. */
export function centreName(id: string, profile: Profile, lang: Lang): string {
  const centre = profile.centres.find((c) => c.id === id);
  return centre ? nameOf(centre, lang) : id;
}

/** Where an alert is, in words: its own place, else its site, else its area, else its centre. */
export function placeOf(
  alert: { readonly place_vi?: string; readonly place_en?: string; readonly site: string; readonly area: string;
    readonly centre: string },
  profile: Profile,
  lang: Lang,
): string {
  const own = lang === 'en' ? alert.place_en || alert.place_vi : alert.place_vi;
  if (own) return own;
  const site = profile.sites.find((s) => s.id === alert.site && s.centre === alert.centre);
  if (site) return nameOf(site, lang);
  const area = profile.areas.find((a) => a.code === alert.area);
  return area ? nameOf(area, lang) : centreName(alert.centre, profile, lang);
}

/** The same for a place of `max` characters: the city before it, nothing said twice, and the site's short name if need be. */
export function placeFor(alert: Parameters<typeof placeOf>[0], profile: Profile, lang: Lang, max: number): string {
  const where = placeOf(alert, profile, lang);
  const centre = profile.centres.find((c) => c.id === alert.centre);
  const city = centre?.kind === 'city' ? nameOf(centre, lang) : '';
  const full = city && !where.includes(city) ? `${city} · ${where}` : where;
  const site = profile.sites.find((s) => s.id === alert.site && s.centre === alert.centre);
  // The name of the site as a part of its own: "P. Trảng Dài" ends with "Trảng Dài" and is another name.
  if (!site || !` · ${full}`.endsWith(` · ${nameOf(site, lang)}`)) return full;
  const before = full.slice(0, -nameOf(site, lang).length).replace(/ · $/, '');
  const beside = (name: string): string => (!before || name.includes(before) ? name : `${before} · ${name}`);
  const plain = beside(nameOf(site, lang));
  return plain.length <= max ? plain : beside(shortOf(site, lang) ?? nameOf(site, lang));
}
