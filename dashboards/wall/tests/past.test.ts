import { describe, expect, it } from 'vitest';
import { newWithin } from '../src/model/alerts';
import { dayStrips } from '../src/model/matrix';
import { JOIN_MS, joined, unknownStretches, withPast } from '../src/model/past';
import { DAY_MS, EMPTY, type Picture } from '../src/model/picture';
import { alert, PROFILE, T0 } from './build';

const H = 3_600_000;
const held = (more: Partial<Picture> = {}): Picture => ({ ...EMPTY, sync: 'live', held_since_ms: T0 - H, ...more });

describe('what the database remembers', () => {
  it('joins what this page has seen: the hatch is only where neither knows', () => {
    const picture = withPast(held(), { alerts: [], known: [{ from_ms: T0 - 20 * H, to_ms: T0 - 10 * H }, { from_ms: T0 - 9 * H, to_ms: T0 - H - 30_000 }] });
    expect(unknownStretches(picture, T0)).toEqual([{ from_ms: T0 - DAY_MS, to_ms: T0 - 20 * H }, { from_ms: T0 - 10 * H, to_ms: T0 - 9 * H }]);
  });
  it('fills what this page missed, and nothing without an answer', () => {
    const gap = held({ held_since_ms: T0 - 30 * H, unseen: [{ from_ms: T0 - 2 * H, to_ms: T0 - H }] });
    expect(unknownStretches(gap, T0)).toEqual([{ from_ms: T0 - 2 * H, to_ms: T0 - H }]);
    expect(unknownStretches(withPast(gap, { alerts: [], known: [{ from_ms: T0 - 48 * H, to_ms: T0 - 60_000 }] }), T0)).toEqual([]);
  });
  it('knows nothing at all before the first picture', () => {
    expect(unknownStretches(EMPTY, T0)).toEqual([{ from_ms: T0 - DAY_MS, to_ms: T0 }]);
  });
  it('takes stretches that nearly touch as one, in whatever order they come', () => {
    expect(joined([{ from_ms: 2 * JOIN_MS, to_ms: 3 * JOIN_MS }, { from_ms: 0, to_ms: JOIN_MS + 1 }, { from_ms: 10, to_ms: 20 }])).toEqual([{ from_ms: 0, to_ms: 3 * JOIN_MS }]);
    expect(joined([{ from_ms: 2 * JOIN_MS, to_ms: 3 * JOIN_MS }, { from_ms: 0, to_ms: JOIN_MS }])).toHaveLength(2);
  });
  it('never replaces a newer version, and ends what nobody holds any more', () => {
    const now = alert('now', { version: 5, priority: 1 });
    const picture = withPast(held({ alerts: new Map([['now', now]]), day: new Map([['now', now]]) }), {
      alerts: [alert('now', { version: 4 }), alert('gone', { updated_ms: T0 - 5 * H, started_ms: T0 - 6 * H, raised_ms: T0 - 6 * H }), alert('over', { started_ms: T0 - 4 * H, active: false, closed: true, cleared_ms: T0 - 3 * H })],
      known: [],
    });
    expect(picture.day.get('now')).toBe(now);
    expect(picture.day.get('gone')).toMatchObject({ active: false, closed: true, cleared_ms: T0 - 5 * H });
    expect(picture.day.get('over')?.cleared_ms).toBe(T0 - 3 * H);
    expect(dayStrips(picture, PROFILE, T0).find((s) => s.group === 'river')?.blocks).toHaveLength(3);
    expect(newWithin(picture, T0)).toBe(2);
  });
});
