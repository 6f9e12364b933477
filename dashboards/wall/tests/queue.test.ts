import { describe, expect, it } from 'vitest';
import { EMPTY, type Picture } from '../src/model/picture';
import { FIRST_VIEW, freeze, frozenRows, kept, moved, rowsOf, tabCounts, windowOf, type View } from '../src/model/queue';
import type { Alert, Suppression } from '../src/model/wire';
import { alert, PROFILE, T0 } from './build';

const acked = (at_ms: number): Partial<Alert> => ({ acked: true, acked_ms: at_ms, acked_by_display: 'Lan' });
const ALERTS = [
  alert('p3', { priority: 3, raised_ms: T0 - 10 }), alert('p1', { priority: 1, raised_ms: T0 - 90 }), alert('p2', { raised_ms: T0 - 20, title_vi: 'Mưa 62 mm ở Hố Nai', rule: 'heavy-rain' }),
  alert('taken', { priority: 1, ...acked(T0 - 5) }), alert('taken-long-ago', { priority: 4, ...acked(T0 - 500) }),
  alert('unseen', { priority: 2, active: false, cleared_ms: T0 - 3, raised_ms: T0 - 30 }), alert('over', { active: false, closed: true, cleared_ms: T0 - 1, ...acked(T0 - 9) }),
];
const picture = (alerts: Alert[]): Picture => ({ ...EMPTY, sync: 'live', alerts: new Map(alerts.map((a) => [a.id, a])), day: new Map(alerts.map((a) => [a.id, a])) });
const ids = (view: Partial<View>): string[] => rowsOf(picture(ALERTS), PROFILE, { ...FIRST_VIEW, ...view }, 'vi').map((a) => a.id);

describe('tabs and filters', () => {
  it('the queue shows what waits before what somebody has', () => {
    expect(ids({})).toEqual(['p1', 'p2', 'unseen', 'p3', 'taken', 'taken-long-ago']);
  });
  it('acknowledged ones stand oldest first, cleared ones newest first', () => {
    expect(ids({ tab: 'acked' })).toEqual(['taken-long-ago', 'taken']);
    expect(ids({ tab: 'cleared' })).toEqual(['over', 'unseen']);
    expect(tabCounts(picture(ALERTS))).toEqual({ queue: 6, acked: 2, cleared: 2, hidden: 0 });
  });
  it('what is hidden stands apart, what ends first on top, and asks nobody', () => {
    const hidden = (id: string, suppression: Suppression, until_ms: number | null, review_ms: number | null, more: Partial<Alert> = {}): Alert => alert(id, {
      suppression, hidden: { since_ms: T0, by: 'lan', by_display: 'Lan', reason: 'sửa', until_ms, review_ms, review_told: false }, ...more });
    const all = picture([alert('there'), hidden('late', 'shelved-until', T0 + 9, null), hidden('soon', 'shelved-oneshot', T0 + 5, null, { active: false }),
      hidden('out', 'out-of-service', null, T0 + 99), alert('latched', { active: false, acked: true, acked_ms: T0, latched: true }),
      alert('explained', { suppression: 'by-design', muted_by: 'A-9' })]);
    const of = (view: Partial<View>): string[] => rowsOf(all, PROFILE, { ...FIRST_VIEW, ...view }, 'vi').map((a) => a.id);
    expect(of({ tab: 'hidden' })).toEqual(['soon', 'late', 'out']);
    expect(of({})).toEqual(['there', 'explained', 'latched']);
    expect(of({ tab: 'cleared' })).toEqual(['latched']);
    expect(of({ waiting_only: true })).toEqual(['there']);
    expect(of({ tab: 'hidden', search: 'lan' })).toHaveLength(3);
  });
  it('filters by waiting, priority and words without marks', () => {
    expect(ids({ waiting_only: true })).toEqual(['p1', 'p2', 'unseen', 'p3']);
    expect(ids({ priority: 1 })).toEqual(['p1', 'taken']);
    expect(ids({ search: 'mua ho nai' })).toEqual(['p2']);
    expect(ids({ search: 'LAN' })).toEqual(['taken', 'taken-long-ago']);
    expect(ids({ search: 'no such thing' })).toEqual([]);
  });
});

describe('a list that stands still', () => {
  const rows = rowsOf(picture(ALERTS), PROFILE, FIRST_VIEW, 'vi');
  const frozen = freeze(rows);
  const changed = [...ALERTS.filter((a) => a.id !== 'p3').map((a) => (a.id === 'p1' ? { ...a, ...acked(T0), count: 4 } : a)), alert('fresh', { priority: 1, raised_ms: T0 })];
  const now = picture(changed);
  now satisfies Picture;
  const withDay: Picture = { ...now, day: new Map([...now.day, ['p3', alert('p3', { priority: 3, closed: true, active: false })]]) };
  const list = frozenRows(withDay, rowsOf(withDay, PROFILE, FIRST_VIEW, 'vi'), frozen);

  it('keeps every row at its place and changes it there', () => {
    expect(list.rows.map((a) => a.id)).toEqual(frozen.order);
    expect(list.rows[0]).toMatchObject({ id: 'p1', acked: true });
    expect(list.rows.find((a) => a.id === 'p3')).toMatchObject({ closed: true }); // gone from the server, still at its place
  });
  it('counts what is new outside: alerts and repeats', () => {
    expect(list.news.alerts.map((a) => a.id)).toEqual(['fresh']);
    expect(list.news.repeats).toBe(3);
  });
});

describe('a selection', () => {
  it('keeps what is in the list and lets go of what left it, which comes back unselected', () => {
    const rows = [alert('a'), alert('b')];
    expect(kept(new Set(['b', 'gone', 'c']), rows)).toEqual({ selected: new Set(['b']), left: 2 });
    expect(kept(new Set(), rows)).toEqual({ selected: new Set(), left: 0 });
  });
});

describe('moving', () => {
  const rows = [alert('a'), alert('b'), alert('c')];
  it('starts at the first row and stops at the ends', () => {
    expect(moved(rows, null, 1)).toBe('a');
    expect(moved(rows, 'a', 1)).toBe('b');
    expect(moved(rows, 'c', 1)).toBe('c');
    expect(moved(rows, 'a', -1)).toBe('a');
    expect(moved([], null, 1)).toBeNull();
  });
  it('draws only the rows in sight', () => {
    const part = windowOf(5_000, 32 * 1_000, 640);
    expect(part.from).toBeGreaterThan(980);
    expect(part.to - part.from).toBeLessThan(45);
    expect(windowOf(3, 0, 640)).toEqual({ from: 0, to: 3 });
  });
});
