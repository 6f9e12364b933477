import { describe, expect, it } from 'vitest';
import { actorName, bars, BARS_MAX, floodLimitOf, floodShare, rateNow, RANGES, split } from '../src/model/quality';
import { PROFILE } from './build';

describe('the strip of a span', () => {
  it('has one bar for ten minutes, per position, and marks what is above the limit', () => {
    expect(bars({ slots: [0, 10, 11], positions: 1 }, 10)).toEqual([{ rate: 0, flood: false }, { rate: 10, flood: false }, { rate: 11, flood: true }]);
    expect(bars({ slots: [22], positions: 2 }, 10)).toEqual([{ rate: 11, flood: true }]);
  });
  it('of a week takes the worst of each bar, and leaves no flood out', () => {
    const slots = Array.from({ length: 1009 }, (_, i) => (i === 500 || i === 1008 ? 40 : 1));
    const found = bars({ slots, positions: 1 }, 10);
    expect(found.length).toBeLessThanOrEqual(BARS_MAX);
    expect(found.filter((bar) => bar.flood).length).toBe(2);
    expect(found.at(-1)).toEqual({ rate: 40, flood: true });
  });
  it('is measured against the limit of the installation, brought to ten minutes', () => {
    expect([floodLimitOf({ above: 10, window_s: 600 }), floodLimitOf({ above: 6, window_s: 300 }), floodLimitOf(null)]).toEqual([10, 12, 10]);
    expect(bars({ slots: [22, 26], positions: 2 }, 12)).toEqual([{ rate: 11, flood: false }, { rate: 13, flood: true }]);
    expect([floodShare({ slots: [22, 26], positions: 2 }, 12), floodShare({ slots: [22, 26], positions: 2 }, 10), floodShare({ slots: [], positions: 1 }, 10)]).toEqual([0.5, 1, 0]);
  });
  it('of nothing is empty', () => {
    expect([bars({ slots: [], positions: 1 }, 10), rateNow({ slots: [], positions: 0 })]).toEqual([[], 0]);
    expect(rateNow({ slots: [3, 8], positions: 2 })).toBe(4);
  });
});

describe('figures', () => {
  it('split all announcements by priority', () => {
    expect(split({ by_priority: { 1: 1, 3: 3 } }).map((one) => [one.n, one.part])).toEqual([[1, 0.25], [0, 0], [3, 0.75], [0, 0]]);
    expect(split({ by_priority: {} }).every((one) => one.part === 0)).toBe(true);
  });
  it('name an object by the profile, and by its id where it has no name', () => {
    expect(actorName({ key: 'hydro-level|bien-hoa|BIENHOA' }, PROFILE, 'en')).toBe('River · Bien Hoa · Biên Hòa (sông Đồng Nai)');
    expect(actorName({ key: 'gone|x|a|b' }, PROFILE, 'vi')).toBe('gone · x · a|b');
    expect(actorName({ key: '' }, PROFILE, 'vi')).toBe('');
  });
  it('are asked for at most seven days', () => {
    expect(Math.max(...Object.values(RANGES))).toBe(7 * 86_400_000);
  });
});
