/** The board of the three pillars: the latest `service.kpi` readings against the targets of the profile. Pure. */

import { nameOf, shortOf, type Lang, type Profile, type Target } from './profile';
import type { Picture } from './picture';
import type { Reading } from './wire';
import { plain } from '../lib/format';
import { WORDS } from '../lib/words';

export const PILLARS = ['government', 'economy', 'society'] as const;
export type Pillar = (typeof PILLARS)[number];

export interface Kpi {
  readonly target: Target;
  readonly name: string;
  readonly note: string;
  readonly value: number | null;
  readonly time_ms: number | null;
  /** Short of a target that was set; null when there is none or no value. */
  readonly missed: boolean | null;
  /** Fractions of the bar, 0…1; a rank is drawn reversed, so that longer is better. */
  readonly value_at: number | null;
  readonly target_at: number | null;
}

/** Latest reading of each indicator, by the indicator's name. */
export function kpiReadings(picture: Picture): Map<string, Reading> {
  const by = new Map<string, Reading>();
  for (const reading of picture.readings.values()) {
    if (reading.type !== 'service.kpi') continue;
    const indicator = reading.data['indicator'];
    const name = typeof indicator === 'string' ? indicator : reading.site.toLowerCase();
    const held = by.get(name);
    if (!held || held.time_ms <= reading.time_ms) by.set(name, reading);
  }
  return by;
}

/** Place of a value on its bar: from 0 to `scale_max`, or for "lower is better" from the worst (`base`) down to 1. */
function place(value: number, target: Target): number {
  const max = target.scale_max ?? 100;
  const worst = target.base ?? max;
  const at = target.better === 'lower' ? (worst - value) / Math.max(1e-9, worst - 1) : value / Math.max(1e-9, max);
  return Math.min(1, Math.max(0, at));
}

/** Indicators of a pillar with a place on the wall; the figures of the others go into the note of the last of them. */
export const ROWS = 3;
/** As many characters as a note line of the third pillar takes, and of the first two. */
const NOTE_MAX = { vi: 27, en: 24 } as const;
const FOLD_MAX = { vi: 26, en: 24 } as const;

/** `49,7` and `%`, as one text; a rank is `19/63`. */
export function valueText(kpi: Kpi, lang: Lang): string {
  return kpi.value === null ? '?' : plain(Math.round(kpi.value * 10) / 10, lang);
}

/**
 * The line under an indicator: its target when one was set, else the totals that its note begins with, as much of it as
 * fits, else that no target was set. That a value is simulated stands once above the whole board.
 */
function shortNote(target: Target, lang: Lang): string {
  const words = WORDS[lang];
  if (target.target != null) {
    const unit = target.unit.startsWith('/') ? target.unit : target.unit && ` ${target.unit}`;
    return words.target_is.replace('{t}', plain(target.target, lang) + unit);
  }
  const note = (lang === 'en' ? target.note_en || target.note_vi : target.note_vi) ?? '';
  const first = note.split(/\.(?:\s+|$)/).find((sentence) => sentence && !/mô phỏng|simulated/i.test(sentence));
  if (!first) return words.no_target;
  const bare = first.replace(/^[^:]{1,16}: /, '')
    .replace(/(?:hơn|trên|over|above) (?=\d)/gi, '>').replace(/(?:khoảng|gần|about|nearly) (?=\d)/gi, '~').replace(/ of (?=~?\d)/g, ' / ');
  const clauses = bare.split(/[,;] /);
  let line = clauses[0] ?? '';
  for (const clause of clauses.slice(1)) {
    const longer = `${line}, ${clause}`;
    if (longer.length > NOTE_MAX[lang]) break;
    line = longer;
  }
  return line.length <= NOTE_MAX[lang] ? line : line.replace(/(?<=\d) [^\d]*$/, ''); // the number says more than its noun
}

/** The figures of indicators without a place of their own: `500 lượt/giờ · 2 chưa nối`. */
function folded(rest: readonly Kpi[], lang: Lang): string {
  const words: Readonly<Record<string, string>> = WORDS[lang];
  const line = rest.map((kpi) => {
    const value = valueText(kpi, lang);
    return words[`fold_${kpi.target.indicator}`]?.replace('{n}', value)
      ?? `${shortOf(kpi.target, lang) ?? nameOf(kpi.target, lang)} ${value}${kpi.target.unit}`;
  }).join(' · ');
  return line.length <= FOLD_MAX[lang] ? line : line.replace('/giờ', '/g').replace(' calls/h', '/h');
}

export function pillarBoard(picture: Picture, profile: Profile, lang: Lang): { pillar: Pillar; kpis: Kpi[] }[] {
  return allKpis(picture, profile, lang).map(({ pillar, kpis }) => {
    const [shown, rest] = [kpis.slice(0, ROWS), kpis.slice(ROWS)];
    const last = shown.at(-1);
    return { pillar, kpis: last && rest.length ? [...shown.slice(0, -1), { ...last, note: folded(rest, lang) }] : shown };
  });
}

function allKpis(picture: Picture, profile: Profile, lang: Lang): { pillar: Pillar; kpis: Kpi[] }[] {
  const readings = kpiReadings(picture);
  return PILLARS.map((pillar) => ({
    pillar,
    kpis: profile.targets.filter((t) => t.pillar === pillar).map((target) => {
      const reading = readings.get(target.indicator);
      const raw = reading?.data['value'];
      const value = typeof raw === 'number' ? raw : null;
      const goal = target.target ?? null;
      const short = value === null || goal === null ? null : target.better === 'lower' ? value > goal : value < goal;
      return {
        target,
        name: shortOf(target, lang) ?? nameOf(target, lang),
        note: shortNote(target, lang),
        value,
        time_ms: reading?.time_ms ?? null,
        missed: short,
        value_at: value === null ? null : place(value, target),
        target_at: goal === null ? null : place(goal, target),
      };
    }),
  }));
}
