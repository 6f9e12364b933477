import { describe, expect, it, vi } from 'vitest';
import { aqiBand, hourlyAqi, subIndex } from '../src/lib/aqi';
import * as f from '../src/lib/format';
import { keyCommand, keyOf, type Focus, type KeyPress } from '../src/lib/keys';
import { MUTE_MS, P1_REPEAT_MS, P2_AFTER_MS, ring, SILENT_RINGER, toggleMute, type Ringer, type Sounding, type Tone } from '../src/lib/ring';
import { boundsOf, CELLS, projectInto, spread } from '../src/lib/schematic';
import { Sound, type Context } from '../src/lib/sound';
import { uuid } from '../src/lib/uuid';
import { langOf, speaker, WORDS, type Word } from '../src/lib/words';
import { T0 } from './build';

describe('formats', () => {
  it('times are those of UTC+7', () => {
    const at = Date.UTC(2023, 8, 14, 17, 4, 8);
    expect(f.clock(at)).toBe('00:04:08');
    expect(f.longDate(at, 'vi')).toBe('Thứ Sáu 15/09/2023');
    expect(f.longDate(at, 'en')).toBe('Friday 15/09/2023');
    expect(f.moment(at, at + 1_000)).toBe('00:04:08');
    expect(f.moment(at - 3_600_000, at)).toBe('14/09 23:04:08');
    expect(f.momentShort(at, at)).toBe('00:04');
  });
  it('numbers have the marks of their language', () => {
    expect(f.number(1_234_567.891, 2, 'vi')).toBe('1.234.567,89');
    expect(f.number(1_234_567.891, 2, 'en')).toBe('1,234,567.89');
    expect(f.number(-0.004, 2, 'vi')).toBe('0,00');
    expect(f.number(-21, 0, 'vi')).toBe('−21');
    expect([2, 2.5, 2.05, 46.8, 1284].map((v) => f.plain(v, 'vi'))).toEqual(['2', '2,5', '2,05', '46,8', '1.284']);
  });
  it('ages have one unit, waits are exact', () => {
    expect([0, 59_999, 60_000, 3_600_000, 48 * 3_600_000].map((ms) => f.age(ms, 'vi'))).toEqual(['0 s', '59 s', '1 ph', '1 g', '2 ngày']);
    expect([34_000, 88_000, 10_440_000].map((ms) => f.wait(ms, 'vi'))).toEqual(['34 s', '1:28', '2 g 54']);
    expect(f.age(-5, 'en')).toBe('0 s');
  });
  it('search folds both spellings', () => {
    expect(f.fold('Biên Hòa')).toBe(f.fold('biên hoà'));
    expect(f.fold('Đồng Nai')).toBe('dong nai');
  });
  it('long names get short', () => {
    expect(f.shortName('Long Khánh', 9)).toBe('L. Khánh');
    expect(f.shortName('Biên Hòa', 9)).toBe('Biên Hòa');
    expect(f.cut('Tri An reservoir', 10)).toBe('Tri An re…');
  });
  it('ids are UUIDs of version 4', () => {
    expect(uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(uuid()).not.toBe(uuid());
  });
});

describe('VN_AQI of an hour (Decision 1459/QĐ-TCMT)', () => {
  it('gives the example of the decision by its formula', () => {
    // The document prints 60 for NO2 118.7; its own formula gives 59.35.
    expect(Math.round(subIndex('o3', 136.1))).toBe(43);
    expect(Math.round(subIndex('no2', 118.7))).toBe(59);
    expect(Math.round(subIndex('pm25', 20.3))).toBe(41);
    expect(hourlyAqi({ o3: 136.1, no2: 118.7, pm25: 20.3 })).toBe(59);
  });
  it.each([['pm25', 25, 50], ['pm25', 150, 200], ['pm25', 500, 500], ['pm10', 150, 100], ['so2', 350, 100], ['no2', 2350, 300], ['co', 10_000, 50], ['o3', 1000, 400]] as const)('%s %d µg/m³ is %d', (p, c, index) => {
    expect(subIndex(p, c)).toBeCloseTo(index);
  });
  it('never leaves 0…500, and needs particles', () => {
    expect(subIndex('pm25', 9_999)).toBe(500);
    expect(subIndex('pm25', -3)).toBe(0);
    expect(hourlyAqi({ no2: 118.7 })).toBeNull();
    expect(hourlyAqi({ pm10: 10, no2: null })).toBe(10);
  });
  it('names the band', () => {
    expect([0, 50, 51, 150, 151, 300, 301, 500].map((i) => aqiBand(i).vi)).toEqual(['Tốt', 'Tốt', 'Trung bình', 'Kém', 'Xấu', 'Rất xấu', 'Nguy hại', 'Nguy hại']);
  });
});

describe('keys', () => {
  const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({ key, ctrlKey: false, altKey: false, metaKey: false, isComposing: false, ...more });
  const free: Focus = { typing: false, control: false, letters: true };
  it.each([['j', 'move'], ['ArrowUp', 'move'], ['Enter', 'open'], ['a', 'ack'], ['A', 'ack_note'], ['/', 'search'], ['u', 'unacked'], ['3', 'priority'], [' ', 'select'], ['?', 'help'], ['Escape', 'escape'], ['N', 'bring_in']] as const)('%s asks for %s', (key, word) => {
    expect(keyCommand(press(key), free)?.do).toBe(word);
  });
  it('nothing fires while somebody types, but Escape leads out', () => {
    for (const key of ['a', 'j', 'Enter', '1', ' ']) expect(keyCommand(press(key), { ...free, typing: true })).toBeNull();
    expect(keyCommand(press('Escape'), { ...free, typing: true })?.do).toBe('escape');
  });
  it('nothing fires while an input method composes', () => {
    expect(keyCommand(press('a', { isComposing: true }), free)).toBeNull();
    expect(keyCommand(press('a', { keyCode: 229 }), free)).toBeNull();
    expect(keyCommand(press('Escape', { isComposing: true }), { ...free, typing: true })).toBeNull();
  });
  it('leaves the browser and buttons their own keys', () => {
    expect(keyCommand(press('a', { ctrlKey: true }), free)).toBeNull();
    expect(keyCommand(press('Enter'), { ...free, control: true })).toBeNull();
    expect(keyCommand(press('j'), { ...free, control: true })?.do).toBe('move');
    expect(keyCommand(press('q'), free)).toBeNull();
    expect(keyCommand(press('s'), free)).toEqual({ do: 'act', op: 'shelve' });
    expect(keyCommand(press('s'), { ...free, letters: false })).toBeNull();
    expect([keyOf('take'), keyOf('reset')]).toEqual(['T', '']);
  });
  it('letters can be switched off', () => {
    const off = { ...free, letters: false };
    expect(keyCommand(press('a'), off)).toBeNull();
    expect(keyCommand(press('ArrowDown'), off)?.do).toBe('move');
    expect(keyCommand(press('Enter'), off)?.do).toBe('open');
  });
});

describe('ringing', () => {
  const at = (waiting: Sounding['waiting'], more: Partial<Sounding> = {}): Sounding => ({ waiting, synced: true, offline: false, ...more });
  const P1 = { id: 'a', priority: 1 as const };
  const P2 = { id: 'b', priority: 2 as const };
  function play(steps: readonly (readonly [ms: number, at: Sounding])[], ringer: Ringer = SILENT_RINGER): Tone[][] {
    return steps.map(([ms, sounding]) => {
      const next = ring(ringer, sounding, T0 + ms);
      ringer = next.ringer;
      return [...next.tones];
    });
  }
  it('P1 rings at once and every 30 s until somebody has it', () => {
    expect(play([[0, at([])], [1_000, at([P1])], [30_000, at([P1])], [1_000 + P1_REPEAT_MS, at([P1])], [70_000, at([])], [100_000, at([])]])).toEqual([[], ['p1'], [], ['p1'], [], []]);
  });
  it('a second P1 does not wait for the first one’s turn', () => {
    expect(play([[0, at([P1])], [5_000, at([P1, { id: 'z', priority: 1 }])]])).toEqual([['p1'], ['p1']]);
  });
  it('P2 rings once, also when it grew from a P3; P3 and P4 never', () => {
    const c3 = { id: 'c', priority: 3 as const };
    expect(play([[0, at([c3])], [1, at([P2, c3])], [2_001, at([P2, c3])], [40_000, at([P2, c3])], [41_000, at([P2, { id: 'c', priority: 2 }])]])).toEqual([[], [], ['p2'], [], ['p2']]);
  });
  it('a P2 that asks anew, after it was acknowledged or hidden, rings anew', () => {
    const lost = at([], { synced: false });
    expect(play([[0, at([])], [1, at([P2])], [2_001, at([P2])], [2_002, lost], [2_003, at([P2])], [2_004, at([])], [2_005, at([P2])], [4_005, at([P2])]]))
      .toEqual([[], [], ['p2'], [], [], [], [], ['p2']]);
  });
  it('a P2 that something hides within two seconds never rings, and a P1 does not wait', () => {
    expect(play([[0, at([])], [1_000, at([P2, P1])], [2_000, at([P2, P1])], [2_999, at([])], [3_001, at([])], [5_000, at([P2])], [6_999, at([P2])], [7_000, at([P2])]]))
      .toEqual([[], ['p1'], [], [], [], [], [], ['p2']]);
  });
  it('two seconds count once, whatever the link and the clock do meanwhile', () => {
    const lost = at([], { synced: false });
    expect(play([[0, at([])], [1, at([P2])], [1_000, lost], [3_000, at([P2])], [4_000, at([P2])]])).toEqual([[], [], [], ['p2'], []]);
    expect(play([[9_000, at([])], [9_001, at([P2])], [0, at([P2])], [P2_AFTER_MS, at([P2])], [20_000, at([P2])]])).toEqual([[], [], [], ['p2'], []]);
  });
  it('what was there when the page opened is silent unless it is a P1', () => {
    expect(play([[0, at([P2])]])).toEqual([[]]);
    expect(play([[0, at([P1])]])).toEqual([['p1']]);
  });
  it('a lost link rings once per loss', () => {
    const lost = at([], { offline: true, synced: false });
    expect(play([[0, at([])], [1, lost], [2, lost], [3, at([])], [4, lost]])).toEqual([[], ['lost'], [], [], ['lost']]);
  });
  it('mute is silence for ten minutes, then a waiting P1 is heard again', () => {
    const muted = toggleMute(ring(SILENT_RINGER, at([]), T0).ringer, T0);
    expect(play([[1, at([P1])], [P1_REPEAT_MS + 1, at([P1])], [MUTE_MS + 1_000, at([P1])]], muted)).toEqual([[], [], ['p1']]);
    expect(toggleMute(muted, T0 + 5).muted_until_ms).toBeNull();
  });
});

describe('sound', () => {
  function fake(state: AudioContextState): { context: Context; started: number[] } {
    const started: number[] = [];
    const param = { setValueAtTime: () => param, linearRampToValueAtTime: () => param } as unknown as AudioParam;
    const context = {
      state, currentTime: 5, destination: {} as AudioDestinationNode,
      resume: vi.fn(async () => { (context as { state: AudioContextState }).state = 'running'; }),
      createOscillator: () => ({ type: 'sine' as OscillatorType, frequency: param, connect: () => undefined, start: (at: number) => { started.push(at); }, stop: () => undefined }),
      createGain: () => ({ gain: param, connect: () => undefined }),
    } as unknown as Context;
    return { context, started };
  }
  it('plays two alternating tones for a P1', () => {
    const { context, started } = fake('running');
    const sound = new Sound(() => context);
    expect(sound.state).toBe('on');
    expect(sound.play('p1')).toBe(true);
    expect(started).toHaveLength(4);
  });
  it('says that it waits for a click, and is heard after it', async () => {
    const { context, started } = fake('suspended');
    const sound = new Sound(() => context);
    expect(sound.state).toBe('suspended');
    expect(sound.play('p1')).toBe(false);
    expect(started).toEqual([]);
    await sound.unlock();
    expect(sound.state).toBe('on');
    expect(sound.play('p2')).toBe(true);
  });
  it('without audio says so', () => {
    const sound = new Sound(() => { throw new Error('no device'); });
    expect(sound.state).toBe('none');
    expect(sound.play('lost')).toBe(false);
  });
});

describe('the schematic map', () => {
  it('has the eleven districts, each once', () => {
    expect(new Set(CELLS.map((c) => c.code)).size).toBe(11);
  });
  it('puts points of a city into its box', () => {
    const box = [10, 20, 100, 50] as const;
    const bounds = boundsOf([{ lon: 106.8, lat: 10.9 }, { lon: 106.9, lat: 11.0 }, { lon: null, lat: 1 }]);
    expect(bounds).toEqual([106.8, 10.9, 106.9, 11.0]);
    if (!bounds) return;
    expect(projectInto({ lon: 106.8, lat: 11.0 }, bounds, box)).toEqual([10, 20]);
    expect(projectInto({ lon: 999, lat: -5 }, bounds, box)).toEqual([110, 70]);
    expect(projectInto({ lon: null, lat: 11 }, bounds, box)).toBeNull();
    expect(boundsOf([])).toBeNull();
  });
  it('moves marks apart, keeps them inside, and says when the box is full', () => {
    const box = [0, 0, 100, 100] as const;
    const placed = spread(Array.from({ length: 9 }, () => [50, 50] as const), box, 24);
    for (const [i, a] of placed.entries()) {
      expect(a).not.toBeNull();
      for (const b of placed.slice(i + 1)) expect(Math.hypot((a?.[0] ?? 0) - (b?.[0] ?? 0), (a?.[1] ?? 0) - (b?.[1] ?? 0))).toBeGreaterThanOrEqual(24);
      expect(Math.min(a?.[0] ?? -1, a?.[1] ?? -1)).toBeGreaterThanOrEqual(0);
    }
    expect(spread(Array.from({ length: 99 }, () => [50, 50] as const), box, 24).some((p) => p === null)).toBe(true);
  });
});

describe('words', () => {
  it('both languages say the same things with the same parts', () => {
    const parts = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? '').sort();
    for (const word of Object.keys(WORDS.vi) as Word[]) {
      expect(WORDS.en[word], word).toBeTruthy();
      if (word !== 'kind_province') expect(parts(WORDS.en[word]), word).toEqual(parts(WORDS.vi[word]));
    }
  });
  it('Vietnamese first, English when asked', () => {
    expect([langOf('', null), langOf('?lang=en', null), langOf('', 'en'), langOf('?lang=vi', 'en'), langOf('?lang=xx', null)]).toEqual(['vi', 'en', 'en', 'vi', 'vi']);
    expect(speaker('vi')('conflict', { who: 'Lan', at: '16:04:12' })).toBe('Lan đã tiếp nhận lúc 16:04:12');
    expect(speaker('vi')('conflict', { who: 'Lan' })).toContain('{at}');
  });
});
