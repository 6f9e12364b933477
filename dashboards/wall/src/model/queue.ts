/**
 * The dispatcher's queue: tabs, filters, and an order that stands still while somebody works in it. Pure.
 *
 * While the list is frozen, rows keep their places; what changes, changes in place, and what is new is only counted.
 */

import { byAcknowledged, byCleared, byEnd, byQueue, isExplained, isHidden, isOpen, isWaiting } from './alerts';
import { groupOf, placeOf, type Lang, type Profile } from './profile';
import type { Picture } from './picture';
import type { Alert, Priority } from './wire';
import { whyOf } from './silences';
import { fold } from '../lib/format';
import { WORDS } from '../lib/words';

export type Tab = 'queue' | 'acked' | 'cleared' | 'hidden';
export const TABS: readonly Tab[] = ['queue', 'acked', 'cleared', 'hidden'];

export interface View {
  readonly tab: Tab;
  readonly waiting_only: boolean;
  readonly priority: Priority | null;
  readonly search: string;
}

export const FIRST_VIEW: View = { tab: 'queue', waiting_only: false, priority: null, search: '' };

const IN_TAB: Readonly<Record<Tab, (alert: Alert) => boolean>> = {
  queue: isOpen,
  acked: (alert) => isOpen(alert) && alert.acked,
  cleared: (alert) => !alert.active && !isHidden(alert),
  hidden: (alert) => isHidden(alert) || isExplained(alert),
};
const ORDER: Readonly<Record<Tab, (a: Alert, b: Alert) => number>> = {
  queue: byQueue, acked: byAcknowledged, cleared: byCleared, hidden: byEnd,
};

export function titleOf(alert: Alert, lang: Lang): string {
  return lang === 'en' ? alert.title_en || alert.title_vi : alert.title_vi;
}

/** Everything of an alert that a search may find, folded. */
function haystack(alert: Alert, profile: Profile, lang: Lang): string {
  const group = WORDS[lang][`group_${groupOf(alert, profile)}`];
  return fold([
    titleOf(alert, lang), placeOf(alert, profile, lang), group, alert.id, alert.acked_by_display ?? '',
    alert.assigned?.to_display ?? '', alert.hidden?.by_display ?? '', alert.hidden?.reason ?? '', whyOf(alert.explained, lang), `p${alert.priority}`,
  ].join(' '));
}

function matches(alert: Alert, view: View, profile: Profile, lang: Lang): boolean {
  if (!IN_TAB[view.tab](alert)) return false;
  if (view.waiting_only && !isWaiting(alert)) return false;
  if (view.priority !== null && alert.priority !== view.priority) return false;
  const words = fold(view.search).split(/\s+/).filter(Boolean);
  const hay = words.length ? haystack(alert, profile, lang) : '';
  return words.every((word) => hay.includes(word));
}

/** Rows of a view in their order of this moment. */
export function rowsOf(picture: Picture, profile: Profile, view: View, lang: Lang): Alert[] {
  return [...picture.alerts.values()].filter((a) => matches(a, view, profile, lang)).sort(ORDER[view.tab]);
}

export function tabCounts(picture: Picture): Record<Tab, number> {
  const all = [...picture.alerts.values()];
  return {
    queue: all.filter(IN_TAB.queue).length,
    acked: all.filter(IN_TAB.acked).length,
    cleared: all.filter(IN_TAB.cleared).length,
    hidden: all.filter(IN_TAB.hidden).length,
  };
}

/** The order as it was when somebody began to work, with how often each alert had been seen by then. */
export interface Frozen {
  readonly order: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
}

export function freeze(rows: readonly Alert[]): Frozen {
  return { order: rows.map((a) => a.id), counts: new Map(rows.map((a) => [a.id, a.count ?? 1])) };
}

export interface News {
  readonly alerts: readonly Alert[];
  /** How often alerts of the frozen list were seen again. */
  readonly repeats: number;
}

/** What the list shows: the frozen order with rows as they are now, and what waits outside. */
export function frozenRows(picture: Picture, fresh: readonly Alert[], frozen: Frozen): { rows: Alert[]; news: News } {
  const known = new Set(frozen.order);
  const rows = frozen.order.flatMap((id) => picture.alerts.get(id) ?? picture.day.get(id) ?? []);
  const repeats = rows.reduce((n, a) => n + Math.max(0, (a.count ?? 1) - (frozen.counts.get(a.id) ?? a.count ?? 1)), 0);
  return { rows, news: { alerts: fresh.filter((a) => !known.has(a.id)), repeats } };
}

/** Of a selection what the list still shows; the rest is let go of, and would come back unselected. */
export function kept(selected: ReadonlySet<string>, rows: readonly Alert[]): { selected: ReadonlySet<string>; left: number } {
  const shown = new Set(rows.map((a) => a.id));
  const still = new Set([...selected].filter((id) => shown.has(id)));
  return { selected: still, left: selected.size - still.size };
}

/** The row that j and k lead to; from nowhere to the first row. */
export function moved(rows: readonly Alert[], cursor: string | null, by: 1 | -1): string | null {
  const at = rows.findIndex((a) => a.id === cursor);
  if (at < 0) return rows[0]?.id ?? null;
  return rows[Math.min(rows.length - 1, Math.max(0, at + by))]?.id ?? null;
}

export const ROW_PX = 32;
const OVERSCAN = 8;

/** Which rows to draw: those in sight and a few around; thousands cost no more than forty. */
export function windowOf(total: number, scroll_px: number, height_px: number): { from: number; to: number } {
  const from = Math.max(0, Math.floor(scroll_px / ROW_PX) - OVERSCAN);
  return { from, to: Math.min(total, Math.ceil((scroll_px + height_px) / ROW_PX) + OVERSCAN) };
}
