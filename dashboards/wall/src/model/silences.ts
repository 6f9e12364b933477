/** Silences of the desk: what runs, what a new one is about, what explains an alert. Pure; mirrors `ioc/domain/silences.py`. */

import { placeOf, nameOf, type Lang, type Profile } from './profile';
import type { Alert, Explanation } from './wire';

/** Conditions that all have to hold; an empty list is none. `priority`: this one or a less urgent one. */
export interface Matcher {
  readonly rules: readonly string[];
  readonly types: readonly string[];
  readonly centres: readonly string[];
  readonly areas: readonly string[];
  readonly sites: readonly string[];
  readonly feeds: readonly string[];
  readonly priority: 1 | 2 | 3 | 4;
}

/** One silence, from `GET /api/desk/silences`. */
export interface Silence {
  readonly id: string;
  readonly matcher: Matcher;
  readonly reason: string;
  readonly owner: string;
  readonly owner_display: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly state: 'active' | 'expired';
  /** It ends within ten minutes. */
  readonly ending: boolean;
  /** Alerts it hid, each once. */
  readonly count: number;
  readonly ended_ms: number | null;
  readonly ended_by: string | null;
  readonly ended_by_display: string | null;
}

/** How wide a silence made from an alert is: its rule at its site, in its area, or in all of its centre. */
export const SCOPES = ['site', 'area', 'centre'] as const;
export type Scope = (typeof SCOPES)[number];
/** Lengths that the page offers, seconds; the longest is one shift. */
export const SILENCE_S: readonly number[] = [900, 1800, 3600, 7200, 14_400, 28_800];

const NOTHING: Matcher = { rules: [], types: [], centres: [], areas: [], sites: [], feeds: [], priority: 1 };

/** The scopes that say something about an alert; one without a site has none there. */
export function scopesOf(alert: Alert): Scope[] {
  return SCOPES.filter((scope) => alert[scope] !== '');
}

/**
 * What a silence made from an alert is about: its rule, and nothing more urgent than what the dispatcher looks at. A P1
 * of the same rule that comes later rings; only a silence made from a P1 hides a P1.
 */
export function matcherOf(alert: Alert, scope: Scope): Matcher {
  const base = { ...NOTHING, priority: alert.priority, rules: [alert.rule], centres: alert.centre ? [alert.centre] : [] };
  if (scope === 'centre') return base;
  return scope === 'area' ? { ...base, areas: [alert.area] } : { ...base, sites: [alert.site] };
}

/** Those that run, what ends first above. */
export function running(silences: readonly Silence[]): Silence[] {
  return silences.filter((one) => one.state === 'active').sort((a, b) => a.end_ms - b.end_ms || (a.id < b.id ? -1 : 1));
}

/** The conditions of a silence in words: names of rules, centres, areas; ids where the profile has no name. */
export function aboutOf(matcher: Matcher, profile: Profile, lang: Lang): string {
  const rule = (id: string): string => { const found = profile.rules.find((r) => r.id === id); return found ? nameOf(found, lang) : id; };
  const centre = (id: string): string => { const found = profile.centres.find((c) => c.id === id); return found ? nameOf(found, lang) : id; };
  const area = (code: string): string => { const found = profile.areas.find((a) => a.code === code); return found ? nameOf(found, lang) : code; };
  const site = (id: string): string => { const found = profile.sites.find((s) => s.id === id); return found ? nameOf(found, lang) : id; };
  return [
    ...matcher.rules.map(rule), ...matcher.types, ...matcher.centres.map(centre), ...matcher.areas.map(area),
    ...matcher.sites.map(site), ...matcher.feeds, ...(matcher.priority > 1 ? [`≥ P${matcher.priority}`] : []),
  ].join(' · ');
}

/** Where a scope of an alert lies, in words. */
export function scopeName(alert: Alert, scope: Scope, profile: Profile, lang: Lang): string {
  if (scope === 'site') return placeOf(alert, profile, lang);
  const found = scope === 'area' ? profile.areas.find((a) => a.code === alert.area) : profile.centres.find((c) => c.id === alert.centre);
  return found ? nameOf(found, lang) : alert[scope];
}

/** Why nobody is asked about an alert, in the language of the page; empty when it asks. */
export function whyOf(explained: Explanation | null | undefined, lang: Lang): string {
  if (!explained) return '';
  return lang === 'en' ? explained.why_en || explained.why_vi : explained.why_vi || explained.why_en;
}
