/** @vitest-environment happy-dom */
import { cleanup, render, screen } from '@testing-library/svelte';
import { afterEach, describe, expect, it } from 'vitest';
import { speaker } from '../src/lib/words';
import { EMPTY } from '../src/model/picture';
import type { Lang } from '../src/model/profile';
import { linesOf } from '../src/model/timeline';
import type { Chatter } from '../src/model/wire';
import Facts from '../src/panels/console/Facts.svelte';
import { alert, PROFILE, T0 } from './build';

const chatter: Chatter = { times: 5, off_delay_s: 120, since_ms: T0 - 60_000, returns_at_ms: T0 + 120_000 };

function shown(more: Partial<Chatter> | null, lang: Lang): string | null {
  const one = alert('A', { chatter: more && { ...chatter, ...more } });
  render(Facts, { say: speaker(lang), lang, profile: PROFILE, picture: EMPTY, alert: one, now_ms: T0 });
  return screen.queryByTestId('detail-chatter')?.textContent ?? null;
}

afterEach(cleanup);

describe('an alert that chatters', () => {
  it('says until when it is held', () => {
    expect(shown({}, 'vi')).toBe('chập chờn (5 lần): hiện đã hết, giữ đến 10:02:00 (phải hết liền 2:00)');
    cleanup();
    expect(shown({}, 'en')).toBe('chattering (5 times): away now, held until 10:02:00 (has to stay away for 2:00)');
  });

  it('says that it will be held when it is there', () => {
    expect(shown({ returns_at_ms: null }, 'vi')).toBe('chập chờn (5 lần): lần hết tới sẽ được giữ 2:00');
    cleanup();
    expect(shown({ returns_at_ms: null }, 'en')).toContain('held for 2:00 when it next goes away');
  });

  it('is told apart from one that does not', () => {
    expect(shown(null, 'vi')).toBeNull();
  });

  it('has a line of its own in the timeline', () => {
    const line = { id: 'A/7/chattering', alert_id: 'A', kind: 'transition', what: 'chattering', accepted: true, at_ms: T0, reason: 'CHATTERING' } as const;
    const lines = linesOf(alert('A'), [line], { pending: null, answered: [], me: 'Lan' });
    expect(lines.map((one) => one.kind)).toContain('chattering');
    expect(speaker('vi')('ev_chattering')).toBe('Chập chờn: đã hết, nhưng còn giữ');
  });
});
