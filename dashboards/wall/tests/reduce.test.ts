import { describe, expect, it } from 'vitest';
import { NUMBERS_MAX, DAY_ALERTS_MAX, EMPTY, OUTCOMES_MAX, serverTime, type Picture } from '../src/model/picture';
import { reduce } from '../src/model/reduce';
import { parseFrame, type Alert, type Delta, type FeedView, type Hello, type Minute, type Reading, type ServerFrame } from '../src/model/wire';
import { alert, feed, flood, incident, minute, randomFrom, reading, T0 } from './build';

const HELLO: Hello = { t: 'hello', epoch: 'e1', pos: 'p0', server_time_ms: T0, build: 'b', user: { name: 'lan', display: 'Lan', role: 'dispatcher' }, simulated: true };
const NOW = 5_000; // page clock

function fold(frames: readonly ServerFrame[], from: Picture = EMPTY, now_ms = NOW): Picture {
  return frames.reduce((picture, frame) => reduce(picture, frame, now_ms), from);
}
function snapshot(parts: { alerts?: Alert[]; feeds?: FeedView[]; readings?: Reading[]; minutes?: Minute[] }, pos = 'p0',
  reason: 'fresh' | 'epoch' | 'gap' = 'fresh'): ServerFrame[] {
  return [HELLO, { t: 'snapshot_begin', pos, reason }, { t: 'snapshot', ...parts }, { t: 'snapshot_end', pos }];
}
const delta = (prev: string, pos: string, more: Partial<Delta> = {}): Delta => ({ t: 'delta', prev, pos, server_time_ms: T0, ...more });

describe('what changed of the desk', () => {
  const whole = { t: 'desk', incidents: [incident(1), incident(2), incident(3)], flood: null, version: 5 } as const;
  const held = reduce({ ...EMPTY, sync: 'live', pos: '1' }, whole, 0);
  it('replaces, adds and takes away incidents, when it follows what is held', () => {
    const next = reduce(held, { t: 'desk_delta', prev: 5, version: 7, incidents: [incident(2, { owner: 'lan' }), incident(9)], gone: ['I-1'], flood: flood() }, 0);
    expect(next.desk.incidents.map((one) => [one.id, one.owner])).toEqual([['I-2', 'lan'], ['I-3', null], ['I-9', null]]);
    expect([next.desk.version, next.desk.flood?.new, next.sync]).toEqual([7, 38, 'live']);
  });
  it('breaks the picture when something in between is missing, and a whole frame heals it', () => {
    for (const prev of [4, 6]) {
      const broken = reduce(held, { t: 'desk_delta', prev, version: 8, incidents: [], gone: [], flood: null }, 0);
      expect([broken.sync, broken.desk]).toEqual(['broken', held.desk]);
    }
    expect(reduce({ ...EMPTY, sync: 'live' }, { t: 'desk_delta', prev: 0, version: 1, incidents: [], gone: [], flood: null }, 0).sync).toBe('broken');
    expect(reduce(held, { ...whole, incidents: [], version: 1 }, 0).desk).toMatchObject({ incidents: [], flood: null, version: 1 }); // another gateway
  });
  it('keeps the numbers of incidents that are gone: lines of others name them', () => {
    expect(reduce(held, { ...whole, incidents: [], version: 1 }, 0).desk.numbers).toEqual(new Map([['I-1', 1], ['I-2', 2], ['I-3', 3]]));
    const anew = reduce({ ...EMPTY, sync: 'live', pos: '1' }, { ...whole, numbers: { 'I-8': 8 } }, 0); // loaded anew: it never saw I-8
    expect(anew.desk.numbers?.get('I-8')).toBe(8);
    expect(reduce(anew, { t: 'desk_delta', prev: 5, version: 6, incidents: [], gone: [], flood: null, numbers: { 'I-7': 7 } }, 0).desk.numbers?.get('I-7')).toBe(7);
    const many = Array.from({ length: NUMBERS_MAX }, (_, n) => incident(n + 10));
    expect([...(reduce(held, { ...whole, incidents: many }, 0).desk.numbers ?? [])].map(([id]) => id)).toEqual(many.map((one) => one.id));
  });
});

describe('snapshot', () => {
  it('gives a complete picture at its position, in server time', () => {
    const picture = fold(snapshot({ alerts: [alert('A')], feeds: [feed('bien-hoa', 'hydro')] }));
    expect(picture.sync).toBe('live');
    expect(picture.pos).toBe('p0');
    expect(picture.epoch).toBe('e1');
    expect([...picture.alerts.keys()]).toEqual(['A']);
    expect(serverTime(picture, NOW + 250)).toBe(T0 + 250);
  });

  it('drops what it did not name, but only at its end', () => {
    const before = fold(snapshot({ alerts: [alert('A'), alert('B')], feeds: [feed('bien-hoa', 'hydro')] }));
    const during = fold([{ t: 'gap', reason: 'slow' }, { t: 'snapshot_begin', pos: 'p5', reason: 'gap' }, { t: 'snapshot', alerts: [alert('B')] }], before);
    expect([...during.alerts.keys()]).toEqual(['A', 'B']);
    expect(during.sync).toBe('snapshot');
    const after = fold([{ t: 'snapshot_end', pos: 'p5' }], during);
    expect([...after.alerts.keys()]).toEqual(['B']);
    expect(after.feeds.size).toBe(0);
    expect(after.pos).toBe('p5');
    expect(after.day.get('A')?.closed).toBe(true); // it was seen today, and is over
  });

  it('keeps the higher version of an alert', () => {
    const before = fold(snapshot({ alerts: [alert('A', { version: 7, acked: true })] }));
    const after = fold(snapshot({ alerts: [alert('A', { version: 3 })] }, 'p9', 'gap'), before);
    expect(after.alerts.get('A')?.version).toBe(7);
  });

  it('of a rebuilt server replaces whatever was held, also a higher version', () => {
    const before = fold(snapshot({ alerts: [alert('A', { version: 7 })] }));
    const after = fold(snapshot({ alerts: [alert('A', { version: 1 })] }, 'q0', 'epoch'), before);
    expect(after.alerts.get('A')?.version).toBe(1);
  });

  it('that ends without having begun breaks the picture', () => {
    expect(fold([HELLO, { t: 'snapshot_end', pos: 'p0' }]).sync).toBe('broken');
  });

  it('after an outage notes what was not seen', () => {
    const beat: ServerFrame = { t: 'beat', server_time_ms: T0 + 1_000, pos: 'p0', lag_s: 0.2, watermarks: {}, degraded: [] };
    const before = fold([...snapshot({}), beat]);
    const after = fold([{ ...HELLO, server_time_ms: T0 + 61_000 }, ...snapshot({}, 'p8', 'gap').slice(1)], before, NOW + 60_000);
    expect(after.unseen).toEqual([{ from_ms: T0 + 1_000, to_ms: T0 + 61_000 }]);
    expect(after.held_since_ms).toBe(T0);
  });
});

describe('delta', () => {
  const base = fold(snapshot({ alerts: [alert('A')], minutes: [minute('bien-hoa', T0 - 120_000, 5)] }));

  it('that continues the position is taken', () => {
    const picture = fold([delta('p0', 'p1', { alerts: [alert('A', { version: 2, acked: true })], readings: [reading('bien-hoa', 'hydro', 'X', 'hydro.level', { level_m: 1 })] })], base);
    expect(picture.alerts.get('A')?.acked).toBe(true);
    expect(picture.readings.size).toBe(1);
    expect(picture.pos).toBe('p1');
  });

  it('that does not continue it breaks the picture and changes nothing', () => {
    const picture = fold([delta('p7', 'p8', { alerts: [alert('B')] })], base);
    expect(picture.sync).toBe('broken');
    expect(picture.pos).toBe('p0');
    expect(picture.alerts.has('B')).toBe(false);
  });

  it('with an older version of an alert keeps the newer', () => {
    const newer = fold([delta('p0', 'p1', { alerts: [alert('A', { version: 5, priority: 1 })] })], base);
    const picture = fold([delta('p1', 'p2', { alerts: [alert('A', { version: 4, priority: 3 })] })], newer);
    expect(picture.alerts.get('A')?.priority).toBe(1);
    expect(picture.pos).toBe('p2');
  });

  it('takes away what is gone, and old minutes', () => {
    const picture = fold([delta('p0', 'p1', { gone: { alerts: ['A', 'nobody'] }, server_time_ms: T0 + 70 * 60_000 })], base);
    expect(picture.alerts.size).toBe(0);
    expect(picture.minutes.size).toBe(0);
  });

  it('right after a resume counts as complete', () => {
    const picture = fold([{ ...HELLO, epoch: 'e1' }, delta('p0', 'p4')], base);
    expect(picture.sync).toBe('live');
  });
});

describe('beats, outcomes, bounds', () => {
  it('a beat sets the clock and tells what is degraded', () => {
    const picture = fold([{ t: 'beat', server_time_ms: T0 + 9_000, pos: 'p0', lag_s: null, watermarks: {}, degraded: ['database'] }], fold(snapshot({})), NOW + 8_000);
    expect(serverTime(picture, NOW + 8_000)).toBe(T0 + 9_000);
    expect(picture.beat).toMatchObject({ received_ms: NOW + 8_000, lag_s: null, degraded: ['database'] });
  });

  it('an outcome updates the alert it carries, but never brings one back', () => {
    const base = fold(snapshot({ alerts: [alert('A')] }));
    const outcome = (id: string): ServerFrame => ({ t: 'outcome', command_id: 'c', outcome: 'DONE', alert: alert(id, { version: 2, acked: true }) });
    expect(fold([outcome('A')], base).alerts.get('A')?.acked).toBe(true);
    expect(fold([outcome('B')], base).alerts.has('B')).toBe(false);
  });

  it('keeps bounded memories', () => {
    const outcomes = Array.from({ length: OUTCOMES_MAX + 30 }, (_, i): ServerFrame => ({ t: 'outcome', command_id: `c${i}`, outcome: 'DONE' }));
    expect(fold(outcomes).outcomes.length).toBe(OUTCOMES_MAX);
    const many = Array.from({ length: DAY_ALERTS_MAX + 500 }, (_, i) => alert(`A${i}`));
    expect(fold(snapshot({ alerts: many })).day.size).toBe(DAY_ALERTS_MAX);
  });

  it('forgets of the day what ended more than 24 h ago', () => {
    const picture = fold(snapshot({ alerts: [alert('old', { active: false, acked: true, closed: true, cleared_ms: T0 - 25 * 3_600_000 }), alert('new')] }));
    expect([...picture.day.keys()]).toEqual(['new']);
  });

  it('does not take text that is no frame', () => {
    for (const text of ['', '{', '[]', 'null', '{"t":7}', '{"t":"other"}']) expect(parseFrame(text)).toBeNull();
    expect(parseFrame('{"t":"gap","reason":"slow"}')).toEqual({ t: 'gap', reason: 'slow' });
  });
});

describe('for any sequence', () => {
  it.each(Array.from({ length: 60 }, (_, i) => i))('seed %i: deltas after a snapshot equal a fresh snapshot', (seed) => {
    const random = randomFrom(seed);
    const pick = (n: number): number => Math.floor(random() * n);
    const server = { alerts: new Map<string, Alert>(), feeds: new Map<string, FeedView>(), minutes: new Map<string, Minute>() };
    const whole = (pos: string, reason: 'fresh' | 'gap'): ServerFrame[] =>
      snapshot({ alerts: [...server.alerts.values()], feeds: [...server.feeds.values()], minutes: [...server.minutes.values()] }, pos, reason);
    const change = (): Partial<Delta> => {
      const id = `A${pick(6)}`;
      switch (pick(5)) {
        case 0: {
          if (!server.alerts.delete(id)) return {};
          return { gone: { alerts: [id] } };
        }
        case 1: {
          const view = feed('bien-hoa', `f${pick(3)}`, { accepted: pick(1000) });
          server.feeds.set(view.key, view);
          return { feeds: [view] };
        }
        case 2: {
          const m = minute('bien-hoa', T0 - pick(5) * 60_000, pick(300));
          server.minutes.set(m.key, m);
          return { minutes: [m] };
        }
        default: {
          const version = (server.alerts.get(id)?.version ?? pick(3)) + 1;
          const next = alert(id, { version, acked: random() < 0.5, priority: (1 + pick(4)) as 1 | 2 | 3 | 4 });
          server.alerts.set(id, next);
          return { alerts: [next] };
        }
      }
    };
    let picture = fold(whole('0', 'fresh'));
    let pos = 0;
    for (let i = 0; i < 80; i += 1) {
      const changes = change();
      if (random() < 0.06) { // the server lost track of this page: a whole picture follows
        pos += 1;
        picture = fold([{ t: 'gap', reason: 'slow' }, ...whole(String(pos), 'gap').slice(1)], picture);
      } else {
        picture = fold([delta(String(pos), String(pos + 1), changes)], picture);
        pos += 1;
      }
    }
    const fresh = fold(whole(String(pos), 'fresh'));
    const sorted = (map: ReadonlyMap<string, unknown>): unknown => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    expect(picture.sync).toBe('live');
    expect(picture.pos).toBe(fresh.pos);
    for (const part of ['alerts', 'feeds', 'minutes'] as const) expect(sorted(picture[part])).toEqual(sorted(fresh[part]));
  });
});

describe('the desk', () => {
  const desk = (incidents: ReturnType<typeof incident>[], more = flood()): ServerFrame => ({ t: 'desk', incidents, flood: more, version: 1 });
  it('is the whole every time: what a frame does not name is over', () => {
    const first = fold([...snapshot({}), desk([incident(1), incident(2)])]);
    expect(first.desk.incidents.map((one) => one.number)).toEqual([1, 2]);
    const second = fold([desk([incident(2)], flood({ since_ms: null, new: 1 }))], first);
    expect([second.desk.incidents.map((one) => one.number), second.desk.flood?.since_ms]).toEqual([[2], null]);
  });
  it('moves no position, and neither waits for a snapshot nor ends one', () => {
    const during = fold([HELLO, { t: 'snapshot_begin', pos: 'p0', reason: 'fresh' }, desk([incident(1)])]);
    expect([during.sync, during.pos]).toEqual(['snapshot', null]);
    const after = fold([{ t: 'snapshot_end', pos: 'p0' }, delta('p0', 'p1')], during);
    expect([after.sync, after.pos, after.desk.incidents.length]).toEqual(['live', 'p1', 1]);
  });
  it('is known to the parser, and empty before anything was said', () => {
    expect(parseFrame('{"t":"desk","incidents":[],"flood":null}')).toEqual({ t: 'desk', incidents: [], flood: null });
    expect(EMPTY.desk).toEqual({ incidents: [], flood: null });
  });
});
