/** The board of the three pillars: the latest `service.kpi` readings against the targets of the profile. Pure. */

import { nameOf, type Lang, type Profile, type Target } from './profile';
import type { Picture } from './picture';
import type { Reading } from './wire';

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

export function pillarBoard(picture: Picture, profile: Profile, lang: Lang): { pillar: Pillar; kpis: Kpi[] }[] {
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
        name: nameOf(target, lang),
        note: (lang === 'en' ? target.note_en || target.note_vi : target.note_vi) ?? '',
        value,
        time_ms: reading?.time_ms ?? null,
        missed: short,
        value_at: value === null ? null : place(value, target),
        target_at: goal === null ? null : place(goal, target),
      };
    }),
  }));
}
