/** The wall's line about the load: what it says, and that it never looks calm while it is blind. */

import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import Wall from '../src/pages/Wall.svelte';
import LoadLine from '../src/panels/wall/LoadLine.svelte';
import { speaker } from '../src/lib/words';
import { DAY_MS, loadOf, MINUTES_MS, OLD_AFTER_MS, READ_EVERY_MS, RETRY_MS, type LoadRead } from '../src/model/load';
import type { Quality, QualityAnswer } from '../src/model/quality';

const NOW = Date.UTC(2026, 10, 24, 3);
const times = (p50_s: number | null) => ({ n: p50_s === null ? 0 : 5, p50_s, p90_s: p50_s });

function answer(span_ms: number, announced: number, more: Partial<Quality> = {}): QualityAnswer {
  const durations = { all: times(52), by_priority: {}, by_centre: {} };
  return {
    complete_from_ms: NOW - span_ms,
    now: { at_ms: NOW, standing: { 1: 1, 2: 4, 3: 6, 4: 0 }, unacknowledged: 3, blind: 0, muted: 0, hidden: { SHLVD: 3, DSUPR: 9 }, stale_count: 2, stale: ['A-1', 'A-2'] },
    span: { from_ms: NOW - span_ms, to_ms: NOW, positions: 2, announced, rate_per_10min: 0, peak_per_10min: 0, flood_share: 0, slots: [], by_priority: {}, by_centre: {},
      acknowledge: durations, clear: durations, chattering: [{ key: 'a|b|c', times: 3, share: 0.1 }], bad_actors: [], bad_actors_share: 0, ...more },
  };
}
const read = (announced = 6): LoadRead => ({ ten: answer(MINUTES_MS, announced), day: answer(DAY_MS, 400), page_ms: 1_000 });

describe('the figures', () => {
  it('are of the last ten minutes per position, of now and of the day', () => {
    expect(loadOf(read(), false, true, 10, 4_000)).toEqual(
      { trust: 'good', age_ms: 3_000, rate: 3, over: false, standing: 11, stale: 2, shelved: 3, chattering: 1, ack_s: 52, from_ms: null });
    expect(loadOf(read(20), false, true, 10, 4_000).over).toBe(false);
    expect(loadOf(read(21), false, true, 10, 4_000).over).toBe(true);
  });

  it('say from when on a busy day is counted, and that nobody acknowledged anything', () => {
    const day = { ...answer(DAY_MS, 9, { acknowledge: { all: times(null), by_priority: {}, by_centre: {} } }), complete_from_ms: NOW - 3_600_000 };
    const load = loadOf({ ...read(), day }, false, true, 10, 1_000);
    expect([load.from_ms, load.ack_s]).toEqual([NOW - 3_600_000, null]);
  });

  it('are not trusted when they are old, could not be read, or a part that makes them is away', () => {
    expect(loadOf(read(), false, true, 10, 1_000 + OLD_AFTER_MS).trust).toBe('good');
    expect(loadOf(read(), false, true, 10, 1_001 + OLD_AFTER_MS).trust).toBe('old');
    expect(loadOf(read(), true, true, 10, 1_000).trust).toBe('old');
    expect(loadOf(read(99), false, false, 10, 1_000)).toMatchObject({ trust: 'blind', over: false });
    expect(loadOf(null, true, true, 10, 1_000)).toMatchObject({ trust: 'none', rate: null, standing: null, stale: null, shelved: null });
  });

  it('are never older than two readings without saying so', () => expect(OLD_AFTER_MS).toBeLessThan(3 * READ_EVERY_MS));
});

describe('the line', () => {
  const props = { say: speaker('vi'), lang: 'vi' as const, positions: 2, above: 10, present: true, page_ms: 1_000, server_ms: NOW };
  const asked: string[] = [];
  let status = 200;
  beforeEach(() => {
    asked.length = 0;
    status = 200;
    vi.useFakeTimers();
    vi.stubGlobal('fetch', async (path: string) => {
      asked.push(path);
      const query = new URL(path, 'http://x').searchParams;
      const span_ms = Number(query.get('to_ms')) - Number(query.get('from_ms'));
      return new Response(JSON.stringify(status === 200 ? answer(span_ms, 6) : { error: 'unavailable' }), { status });
    });
  });
  afterEach(() => {
    cleanup();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  const line = (): HTMLElement => screen.getByTestId('load-line');
  const text = (): string => (line().textContent ?? '').replace(/\s+/g, ' ').trim();
  const passes = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  it('has nothing to say before the first answer, and then all of it with its age', async () => {
    const { rerender } = render(LoadLine, props);
    expect([line().dataset['trust'], text()]).toEqual(['none', expect.stringContaining('10 phút/bàn ? · ngưỡng 10 đang có ? quá 24 giờ ? tạm gác ?')]);
    await passes(1);
    await waitFor(() => expect(line().dataset['trust']).toBe('good'));
    await rerender({ ...props, page_ms: 13_000 });
    expect(text()).toBe('Tải cảnh báo 10 phút/bàn 3,0 · ngưỡng 10 đang có 11 quá 24 giờ 2 tạm gác 3 24 giờ qua: chập chờn 1 · tiếp nhận, trung vị 52 s cách đây 12 s');
    expect(line().classList.contains('hatched')).toBe(false);
  });

  it('asks for both spans once a minute, sooner after a failure, and keeps what it knew in grey', async () => {
    const { rerender } = render(LoadLine, props);
    await passes(1);
    expect(asked.map((path) => /positions=2$/.test(path))).toEqual([true, true]);
    status = 503;
    await passes(READ_EVERY_MS);
    expect(asked.length).toBe(4);
    await rerender({ ...props, page_ms: 1_000 + READ_EVERY_MS });
    expect([line().dataset['trust'], line().classList.contains('hatched')]).toEqual(['old', true]);
    expect(text()).toContain('đang có 11');
    expect(text()).toContain('không đọc được; số cũ 1 ph');
    expect(asked.length).toBe(4);
    status = 200;
    await passes(RETRY_MS);
    expect([asked.length, line().dataset['trust']]).toEqual([6, 'good']);
  });

  it('is grey at once when the picture is not the present, or a part is away', async () => {
    const { rerender } = render(LoadLine, props);
    await passes(1);
    await rerender({ ...props, present: false });
    expect([line().dataset['trust'], line().classList.contains('hatched')]).toEqual(['blind', true]);
    expect(text()).toContain('không tin được');
  });

  it('grows old by itself when answers do not come at all', async () => {
    const { rerender } = render(LoadLine, props);
    await passes(1);
    vi.stubGlobal('fetch', () => new Promise(() => undefined));
    await rerender({ ...props, page_ms: 1_001 + OLD_AFTER_MS });
    expect(line().dataset['trust']).toBe('old');
  });

  it('asks nothing more when it is gone', async () => {
    const { unmount } = render(LoadLine, props);
    await passes(1);
    unmount();
    await passes(10 * READ_EVERY_MS);
    expect(asked.length).toBe(2);
  });
});

describe('the wall', () => {
  const scripts = ['story.js', 'story_desk.js', 'fake.js'].map((name) => readFileSync(`${import.meta.dirname}/../dev/${name}`, 'utf-8'));
  afterEach(cleanup);

  it.each([['?state=busy', 'good'], ['?state=busy&log=503', 'blind']])('of %s says that the load is %s', async (search, trust) => {
    window.history.replaceState(null, '', `/wall${search}`);
    for (const script of scripts) new Function(script)();
    render(Wall);
    await waitFor(() => expect(screen.getByTestId('load-line').dataset['trust']).toBe(trust), { timeout: 20_000 });
    expect(screen.getByTestId('load-rate').textContent).toBe('10,0');
  });
});
