/** The console's panel of figures asks once a minute, however often the picture changes. */

import { cleanup, render } from '@testing-library/svelte';
import { afterEach, expect, it, vi } from 'vitest';
import QualityPanel from '../src/panels/console/QualityPanel.svelte';
import { speaker } from '../src/lib/words';
import type { Profile } from '../src/model/profile';
import { flood } from './build';

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('asks anew when the span or the number of desks changes, and not when the picture does', async () => {
  vi.useFakeTimers();
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (path: string) => {
    asked.push(path);
    return new Response('{"error": "unavailable"}', { status: 503 });
  });
  const props = { say: speaker('vi'), lang: 'vi' as const, profile: {} as Profile, flood: flood({ positions: 1 }), server_ms: 1_000_000_000, onpick: () => undefined };
  const { rerender } = render(QualityPanel, props);
  await vi.advanceTimersByTimeAsync(1);
  for (let second = 1; second < 20; second += 1) {
    await rerender({ ...props, flood: flood({ positions: 1, new: second }), server_ms: props.server_ms + second * 1000 });
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(asked.length).toBe(1);
  await rerender({ ...props, flood: flood({ positions: 2 }) });
  await vi.advanceTimersByTimeAsync(1);
  expect(asked.map((path) => path.at(-1))).toEqual(['1', '2']);
});
