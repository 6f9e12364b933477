/** @vitest-environment happy-dom */
import { cleanup, render, screen } from '@testing-library/svelte';
import { afterEach, describe, expect, it } from 'vitest';
import { speaker } from '../src/lib/words';
import { EMPTY, type Picture } from '../src/model/picture';
import Feeds from '../src/panels/wall/Feeds.svelte';
import { feed, PROFILE, T0 } from './build';

const more = (n: number): typeof PROFILE => ({
  ...PROFILE,
  feeds: Array.from({ length: n }, (_, i) => ({
    centre: 'bien-hoa', id: `f${i}`, name_vi: `Nguồn ${i}`, name_en: `Feed ${i}`, types: [i ? 'flood.spot' : 'type.of.tomorrow'], expected_period_s: 60,
  })),
});

function panel(n: number, held: Partial<Picture> = {}): HTMLElement {
  const profile = more(n);
  const views = profile.feeds.map((f) => feed('bien-hoa', f.id, { expected_period_s: 60 }));
  const picture = { ...EMPTY, sync: 'live' as const, feeds: new Map(views.map((view) => [view.key, view])), ...held };
  return render(Feeds, { say: speaker('vi'), lang: 'vi', picture, profile, now_ms: T0 }).container;
}

afterEach(cleanup);

describe('the panel of the feeds', () => {
  it.each([6, 8, 12])('has a place for each of %d feeds, of types that it does not know too', (n) => {
    const box = panel(n);
    expect(screen.getAllByTestId(/^feed-bien-hoa-/)).toHaveLength(n);
    expect(box.querySelector('.tiles')?.classList.contains('low')).toBe(n > 8);
    expect(box.querySelector('.tiles')?.classList.contains('wide')).toBe(n <= 6);
  });
  it('is grey and calls no feed on time while intake is silent', () => {
    const box = panel(8, { beat: { received_ms: 0, server_time_ms: T0, lag_s: null, degraded: ['intake'] } });
    const tiles = screen.getAllByTestId(/^feed-bien-hoa-/);
    expect(new Set(tiles.map((tile) => tile.dataset['state']))).toEqual(new Set(['unknown']));
    expect(tiles.every((tile) => tile.classList.contains('hatched') && tile.querySelector('i') === null)).toBe(true);
    expect([box.querySelector('.cn span')?.textContent, box.querySelector('.w4')?.textContent?.replace(/\s+/g, '')]).toEqual(['chưa biết', '–––0/8']);
  });
});
