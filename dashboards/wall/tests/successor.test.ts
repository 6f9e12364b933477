/** @vitest-environment happy-dom */
import { cleanup, render, screen } from '@testing-library/svelte';
import { afterEach, describe, expect, it } from 'vitest';
import { speaker } from '../src/lib/words';
import { doneOf, sentHere } from '../src/model/actions';
import { EMPTY } from '../src/model/picture';
import type { Lang } from '../src/model/profile';
import type { Done } from '../src/model/wire';
import Facts from '../src/panels/console/Facts.svelte';
import { alert, PROFILE, T0 } from './build';

const done = (what: string, earlier = ''): Done => ({ what, by: 'lan', by_display: 'Lan', at_ms: T0 - 60_000, earlier });
const minh = { to: 'minh', to_display: 'Minh', by: 'minh', by_display: 'Minh', at_ms: T0, version: 1 };

function owner(lang: Lang, earlier: string): string {
  const one = alert('A', { assigned: { ...minh, earlier }, dispatched: [done('999', earlier), done('998')] });
  render(Facts, { say: speaker(lang), lang, profile: PROFILE, picture: EMPTY, alert: one, now_ms: T0 });
  return screen.getByTestId('detail-owner').textContent ?? '';
}

afterEach(cleanup);

describe('what was done in the former occurrence', () => {
  it('stands with a mark', () => {
    expect(owner('vi', 'A-0')).toBe('Minh (từ đợt trước) · 999 09:59:00 (từ đợt trước) · 998 09:59:00');
    cleanup();
    expect(owner('en', 'A-0')).toBe('Minh (from the former occurrence) · 999 09:59:00 (from the former occurrence) · 998 09:59:00');
    cleanup();
    expect(owner('vi', '')).toBe('Minh · 999 09:59:00 · 998 09:59:00');
  });

  it('can be done anew', () => {
    const one = alert('A', { dispatched: [done('114', 'A-0'), done('115')], steps: [done('call', 'A-0'), done('look')] });
    expect([...sentHere(one)]).toEqual(['115']);
    expect(['call', 'look', 'else'].map((step) => doneOf(one, step).checked)).toEqual(['mixed', true, false]);
  });
});
