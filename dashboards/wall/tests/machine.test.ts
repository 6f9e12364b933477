import { describe, expect, it } from 'vitest';
import { backoffMs, BACKOFF_MAX_MS, IDLE, standing, step, type Link, type LinkAction, type LinkEvent } from '../src/link/machine';
import type { Beat, Hello, ServerFrame, Since } from '../src/model/wire';
import { randomFrom } from './build';

const HELLO: Hello = { t: 'hello', epoch: 'e', pos: '9', server_time_ms: 0, build: 'b', user: { name: 'w', display: 'W', role: 'wall' }, simulated: false };
const BEAT: Beat = { t: 'beat', server_time_ms: 0, pos: '9', lag_s: 0, watermarks: {}, degraded: [] };
const SINCE: Since = { epoch: 'e', pos: '7' };
const frame = (f: ServerFrame, synced = false, since: Since | null = null): LinkEvent => ({ kind: 'frame', frame: f, synced, since });

class Run {
  link: Link = IDLE;
  now = 1_000;
  done: LinkAction[] = [];
  constructor(readonly random: () => number = () => 0.5) {}
  on(...events: LinkEvent[]): this {
    for (const event of events) {
      const { link, actions } = step(this.link, event, this.now, this.random());
      this.link = link;
      this.done.push(...actions);
    }
    return this;
  }
  after(ms: number): this {
    this.now += ms;
    return this;
  }
  take(): LinkAction[] {
    return this.done.splice(0);
  }
  live(since: Since | null = null): this {
    return this.on({ kind: 'start' }, { kind: 'ticket', ticket: 't', url: 'ws://x/live' }, { kind: 'open' }, frame(HELLO, false, since), frame({ t: 'snapshot_end', pos: '9' }, true));
  }
}

describe('the way in', () => {
  it('goes ticket, socket, auth, subscribe, live', () => {
    const run = new Run().live(SINCE);
    expect(run.link.phase).toBe('live');
    expect(run.take()).toEqual([
      { do: 'fetch_ticket' }, { do: 'open', url: 'ws://x/live' },
      { do: 'send', frame: { t: 'auth', ticket: 't', proto: 1 } },
      { do: 'send', frame: { t: 'subscribe', channels: ['wall'], filter: {}, since: SINCE, desk_changes: true } },
    ]);
    expect(run.link.ticket).toBeNull(); // used once, kept nowhere
  });

  it('is live with the one delta of a resume', () => {
    const run = new Run().on({ kind: 'start' }, { kind: 'ticket', ticket: 't', url: 'u' }, { kind: 'open' }, frame(HELLO, true, SINCE));
    run.on(frame(BEAT, true));
    expect(run.link.phase).toBe('snapshot'); // a beat alone says nothing about the picture
    run.on(frame({ t: 'delta', prev: '7', pos: '9', server_time_ms: 0 }, true));
    expect(run.link.phase).toBe('live');
  });

  it('asks for a sign-in when the ticket is refused, and starts again after it', () => {
    const run = new Run().on({ kind: 'start' }, { kind: 'ticket_refused' });
    expect(run.link.phase).toBe('sign_in');
    run.after(60_000).on({ kind: 'tick' });
    expect(run.link.phase).toBe('sign_in');
    run.on({ kind: 'start' });
    expect(run.link.phase).toBe('ticket');
  });

  it('gives up an attempt that hangs', () => {
    const run = new Run().on({ kind: 'start' }, { kind: 'ticket', ticket: 't', url: 'u' });
    run.take();
    run.after(30_000).on({ kind: 'tick' });
    expect(run.link.phase).toBe('waiting');
    expect(run.take()).toEqual([{ do: 'close', code: 4000 }]);
  });
});

describe('losing it', () => {
  it.each([
    [1001, 'waiting'], [1006, 'waiting'], [4000, 'waiting'], [4008, 'waiting'], [4010, 'waiting'], [4401, 'waiting'],
    [4403, 'waiting'], [4409, 'waiting'], [4429, 'waiting'], [1013, 'waiting'], [1003, 'stopped'], [3999, 'waiting'],
  ] as const)('close code %i leads to %s', (code, phase) => {
    expect(new Run().live().on({ kind: 'closed', code }).link.phase).toBe(phase);
  });

  it('waits as long as the server asks for', () => {
    for (const [code, least] of [[1013, 5_000], [4429, 60_000], [1006, 0]] as const) {
      const run = new Run(() => 0).live().on({ kind: 'closed', code });
      expect((run.link.retry_at_ms ?? 0) - run.now).toBe(least);
    }
  });

  it('takes a fresh snapshot after 4010, and resumes after anything else', () => {
    for (const [code, since] of [[4010, null], [4008, SINCE]] as const) {
      const run = new Run().live().on({ kind: 'closed', code }).after(20_000).on({ kind: 'tick' });
      run.take();
      run.on({ kind: 'ticket', ticket: 't', url: 'u' }, { kind: 'open' }, frame(HELLO, false, SINCE));
      expect(run.take().at(-1)).toMatchObject({ do: 'send', frame: { t: 'subscribe', since } });
    }
  });

  it('closes and resumes when a delta did not fit', () => {
    const run = new Run().live();
    run.take();
    run.on({ kind: 'desync' });
    expect(run.link.phase).toBe('waiting');
    expect(run.take()).toEqual([{ do: 'close', code: 1000 }]);
  });

  it('reconnects after 30 s without any frame', () => {
    const run = new Run().live().after(29_000).on({ kind: 'tick' });
    expect(run.link.phase).toBe('live');
    run.after(1_000).on({ kind: 'tick' });
    expect(run.link.phase).toBe('waiting');
  });

  it('does not count old losses against a connection that lasted', () => {
    const run = new Run(() => 0.999);
    run.live().on({ kind: 'closed', code: 1006 });
    for (let i = 0; i < 5; i += 1) run.after(25_000).on({ kind: 'tick' }, { kind: 'ticket_failed', why: 'x' });
    expect(run.link.attempts).toBe(6);
    run.after(25_000).on({ kind: 'tick' }, { kind: 'ticket', ticket: 't', url: 'u' }, { kind: 'open' }, frame(HELLO), frame({ t: 'snapshot_end', pos: '9' }, true));
    run.after(11_000).on({ kind: 'closed', code: 1001 });
    expect(run.link.attempts).toBe(1);
  });
});

describe('back-off', () => {
  it('is between nothing and twice the last, at most 20 s', () => {
    expect(backoffMs(0, 0)).toBe(0);
    expect(backoffMs(0, 0.999)).toBeLessThanOrEqual(500);
    expect(backoffMs(3, 0.999)).toBeGreaterThan(3_900);
    expect(backoffMs(50, 0.999)).toBeLessThanOrEqual(BACKOFF_MAX_MS);
  });
});

describe('is the picture the present?', () => {
  const run = new Run().live();
  it.each([[0, 'live'], [14_999, 'live'], [15_000, 'stale'], [29_999, 'stale'], [30_000, 'offline'], [90_000, 'offline']] as const)('after %i ms without a beat: %s', (ms, mode) => {
    expect(standing(run.link, 0.4, run.now + ms).mode).toBe(mode);
  });
  it('a beat makes it fresh again', () => {
    const beaten = new Run().live().after(14_000).on(frame(BEAT, true)).after(14_000);
    expect(standing(beaten.link, 0, beaten.now)).toEqual({ mode: 'live', age_s: 14 });
  });
  it('a server behind its bus makes it stale, however regularly it beats', () => {
    expect(standing(run.link, 21.4, run.now)).toEqual({ mode: 'stale', age_s: 21 });
  });
  it('before the first picture there is nothing to trust', () => {
    expect(standing(IDLE, null, 5)).toEqual({ mode: 'offline', age_s: null });
  });
});

describe('for any sequence of events', () => {
  it.each(Array.from({ length: 40 }, (_, i) => i))('seed %i: never gets stuck, never sends before it may', (seed) => {
    const random = randomFrom(seed);
    const run = new Run(random);
    const events: LinkEvent[] = [
      { kind: 'start' }, { kind: 'ticket', ticket: 't', url: 'u' }, { kind: 'ticket_failed', why: 'x' }, { kind: 'open' }, frame(HELLO),
      frame({ t: 'snapshot_end', pos: '1' }, true), frame(BEAT, true), { kind: 'desync' }, { kind: 'closed', code: 1006 }, { kind: 'closed', code: 4008 }, { kind: 'tick' },
    ];
    for (let i = 0; i < 400; i += 1) {
      const before = run.link.phase;
      run.after(Math.floor(random() * 3_000)).on(events[Math.floor(random() * events.length)] as LinkEvent);
      for (const action of run.take()) {
        if (action.do === 'send' && action.frame.t === 'auth') expect(before).toBe('connecting');
        if (action.do === 'send' && action.frame.t === 'subscribe') expect(before).toBe('auth');
      }
    }
    // Left alone, it always comes back to asking for a ticket.
    let asked = run.link.phase === 'idle';
    if (asked) run.on({ kind: 'start' });
    for (let i = 0; i < 200 && !asked; i += 1) asked = run.after(1_000).on({ kind: 'tick' }).take().some((a) => a.do === 'fetch_ticket');
    expect(asked).toBe(true);
  });
});
