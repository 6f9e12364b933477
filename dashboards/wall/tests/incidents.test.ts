import { describe, expect, it } from 'vitest';
import { ring, SILENT_RINGER, type Ringer, type Sounding, type Tone } from '../src/lib/ring';
import { floodLimit, floodOf, floodStrip, incidentNumbers, incidentOf, incidentTitle, incidentViews, labelOf, loadOf, memberState, viewOf } from '../src/model/incidents';
import { EMPTY, type Picture } from '../src/model/picture';
import type { Alert } from '../src/model/wire';
import type { Flood, Incident } from '../src/model/wire_desk';
import { alert, flood, incident, member, randomFrom, T0 } from './build';

const pictureOf = (alerts: Alert[], incidents: Incident[], of: Flood | null = flood()): Picture =>
  ({ ...EMPTY, sync: 'live', alerts: new Map(alerts.map((a) => [a.id, a])), desk: { incidents, flood: of } });

describe('the flood', () => {
  it('is there while the desk says since when', () => {
    expect(floodOf(pictureOf([], []), T0)?.new).toBe(38);
    expect(floodOf(pictureOf([], [], flood({ since_ms: null })), T0)).toBeNull();
    expect(floodOf(EMPTY, T0)).toBeNull();
    expect(floodLimit(flood({ above: 10, positions: 3 }))).toBe(30);
  });
  it('is over when its figure has not moved for longer than its window: the desk stands still', () => {
    const still = flood({ changed_ms: T0 - 600_000 - 30_001 });
    expect(floodOf(pictureOf([], [], still), T0)).toBeNull();
    expect(floodOf(pictureOf([], [], still), T0 - 1)?.new).toBe(38);
  });
  it('is over at once when the desk is known to be silent, however long its window', () => {
    const held = flood({ window_s: 3600, changed_ms: T0 - 150_001 });
    const beat = { received_ms: 0, server_time_ms: T0, lag_s: 0.1, degraded: ['desk'] };
    const silent = (more: object = {}): Alert => alert('S', { rule: 'desk-silent', acked: true, ...more });
    expect(floodOf({ ...pictureOf([], [], held), beat: { ...beat, degraded: ['recorder'] } }, T0)?.new).toBe(38);
    expect(floodOf({ ...pictureOf([], [], held), beat }, T0)).toBeNull();
    expect(floodOf(pictureOf([silent()], [], held), T0)).toBeNull();
    expect(floodOf(pictureOf([silent({ active: false, acked: false })], [], held), T0)?.new).toBe(38);
    expect(floodOf(pictureOf([silent({ exercise: 'd' })], [], held), T0)?.new).toBe(38);
  });
  it('that a dead desk began silences no P2 that comes when the desk is known to be silent', () => {
    const p2 = (id: string): Sounding['waiting'][number] => ({ id, priority: 2, rule: 'rain' });
    const rules = (degraded: string[]): readonly string[] | null =>
      floodOf({ ...pictureOf([], []), beat: { received_ms: 0, server_time_ms: T0, lag_s: 0, degraded } }, T0)?.always ?? null;
    const first = ring(SILENT_RINGER, { waiting: [], synced: true, offline: false, flood_rules: rules([]) }, T0);
    const seen = ring(first.ringer, { waiting: [p2('a')], synced: true, offline: false, flood_rules: rules([]) }, T0 + 1);
    const during = ring(seen.ringer, { waiting: [p2('a')], synced: true, offline: false, flood_rules: rules([]) }, T0 + 2_001);
    const fresh = ring(during.ringer, { waiting: [p2('a'), p2('b')], synced: true, offline: false, flood_rules: rules(['desk']) }, T0 + 2_002);
    const after = ring(fresh.ringer, { waiting: [p2('a'), p2('b')], synced: true, offline: false, flood_rules: rules(['desk']) }, T0 + 4_002);
    expect([seen.tones, during.tones, fresh.tones, after.tones]).toEqual([[], [], [], ['p2']]);
    const early = ring(seen.ringer, { waiting: [p2('a')], synced: true, offline: false, flood_rules: null, desk_silent: true }, T0 + 2);
    const same = ring(early.ringer, { waiting: [p2('a')], synced: true, offline: false, flood_rules: null, desk_silent: true }, T0 + 2_002);
    expect([early.tones, same.tones]).toEqual([['p2'], []]);
    const silent = ring(during.ringer, { waiting: [p2('a')], synced: true, offline: false, flood_rules: null, desk_silent: true }, T0 + 2_002);
    const later = ring(silent.ringer, { waiting: [p2('a')], synced: true, offline: false, flood_rules: null, desk_silent: true }, T0 + 2_003);
    const ended = ring(during.ringer, { waiting: [p2('a')], synced: true, offline: false, flood_rules: null }, T0 + 2_002);
    expect([silent.tones, later.tones, ended.tones]).toEqual([['p2'], [], []]); // what made no sound is told once
  });
});

describe('an incident', () => {
  const storm = incident(118, { members: [
    member('A'), member('B', { area: '732', priority: 3 }), member('C', { left_ms: T0 }), member('D', { priority: 1, acked: true }), member('E', { hidden: true }),
  ] });
  it('has a number for people and a title in both languages', () => {
    expect(labelOf(storm)).toBe('S-118');
    expect([incidentTitle(storm, 'vi'), incidentTitle(storm, 'en'), incidentTitle({ title_vi: 'x', title_en: '' }, 'en')]).toEqual(['Mưa dông, ngập', 'Storm, flooding', 'x']);
  });
  it('counts its open members as the desk told them, where the picture does not hold them', () => {
    const view = viewOf(storm, EMPTY);
    expect(view.counts).toEqual([{ priority: 1, waiting: 0, acked: 1 }, { priority: 2, waiting: 1, acked: 0 }, { priority: 3, waiting: 1, acked: 0 }]);
    expect([view.waiting, view.waiting_n, view.alerts, view.hidden, view.areas]).toEqual([2, 2, 3, 1, 2]);
  });
  it('counts them as the picture holds them: an acknowledgement shows before the desk tells it', () => {
    const picture = pictureOf([alert('A', { acked: true, priority: 2 }), alert('B', { priority: 1 }), alert('D', { closed: true, priority: 1 })], [storm]);
    const view = viewOf(storm, picture);
    expect(view.counts).toEqual([{ priority: 1, waiting: 1, acked: 0 }, { priority: 2, waiting: 0, acked: 1 }]);
    expect([view.waiting, view.alerts, view.hidden]).toEqual([1, 2, 1]);
  });
  it('does not ask for what is hidden or explained', () => {
    const hidden = alert('A', { suppression: 'shelved-until' });
    const muted = alert('B', { explained: { kind: 'silence', id: 's', until_ms: null, why_vi: '', why_en: '' } });
    expect(viewOf(incident(1, { members: [member('A'), member('B')] }), pictureOf([hidden, muted], [])).waiting).toBeNull();
  });
  it('counts what is hidden apart: nobody has it, and its priority is not that of the incident', () => {
    const shelved = alert('A', { priority: 1, suppression: 'shelved-until' });
    const view = viewOf(incident(1, { priority: 3, members: [member('A', { priority: 1 }), member('B', { priority: 3 })] }), pictureOf([shelved], []));
    expect(view).toMatchObject({ counts: [{ priority: 3, waiting: 1, acked: 0 }], alerts: 1, hidden: 1, worst: 3 });
    expect(memberState(member('A', { priority: 1 }), pictureOf([shelved], []))).toMatchObject({ at: 'hidden', priority: 1 });
    expect([member('x', { left_ms: T0 }), member('y', { acked: true }), member('z')].map((m) => memberState(m, EMPTY).at)).toEqual(['left', 'acked', 'waiting']);
  });
  it('is found by an alert that belongs to it, and not by one that left', () => {
    const picture = pictureOf([], [storm]);
    expect([incidentOf(picture, 'A')?.number, incidentOf(picture, 'C'), incidentOf(picture, 'Z')]).toEqual([118, null, null]);
    expect([...incidentNumbers(picture)]).toEqual([['A', 118], ['B', 118], ['D', 118], ['E', 118]]);
  });
  it('of a drill takes no part', () => {
    const drill = incident(119, { exercise: 'drill-7', members: [member('A')] });
    expect([incidentViews(pictureOf([], [drill])), incidentOf(pictureOf([], [drill]), 'A')]).toEqual([[], null]);
  });
});

describe('the load of the people', () => {
  const news = [alert('a', { raised_ms: T0 - 100_000 }), alert('b', { raised_ms: T0 - 700_000 }), alert('c', { raised_ms: T0, exercise: 'd' })];
  const seen = (of: Flood | null, more: Partial<Picture> = {}): Picture => ({ ...pictureOf([], [], of), day: new Map(news.map((a) => [a.id, a])), ...more });
  it('is what the desk counts, against its limit for all positions, in a flood or not', () => {
    expect(loadOf(seen(flood({ new: 12, since_ms: null, above: 8, positions: 3, window_s: 900 })), T0)).toEqual({ n: 12, limit: 24, minutes: 15 });
    expect(loadOf(seen(flood({ new: 38, positions: 2 })), T0)).toEqual({ n: 38, limit: 20, minutes: 10 });
  });
  it('is counted here against the same limit when the desk is silent, and against the usual one when it said nothing yet', () => {
    const beat = { received_ms: 0, server_time_ms: T0, lag_s: 0, degraded: ['desk'] };
    expect(loadOf(seen(flood({ new: 38, positions: 2, window_s: 900 }), { beat }), T0)).toEqual({ n: 2, limit: 20, minutes: 15 });
    expect(loadOf(seen(null), T0)).toEqual({ n: 1, limit: 10, minutes: 10 });
  });
});

describe('the strip in a flood', () => {
  const taken = incident(7, { priority: 1, members: [member('P', { priority: 1, acked: true })] });
  const waiting = incident(5, { priority: 2, members: [member('Q')] });
  it('shows what waits before what somebody has, then the worst, then the newest', () => {
    const newer = incident(6, { priority: 2, opened_ms: T0, members: [member('R')] });
    expect(incidentViews(pictureOf([], [taken, waiting, newer])).map((v) => v.incident.number)).toEqual([6, 5, 7]);
  });
  it('gives a P1 of no incident a place, and counts the other single alerts', () => {
    const singles = [alert('x', { priority: 1 }), alert('y', { priority: 3 }), alert('z', { priority: 4 }), alert('Q')];
    const strip = floodStrip(pictureOf(singles, [taken, waiting]), 3);
    expect(strip.cards.map((c) => (c.kind === 'alert' ? c.alert.id : c.view.incident.number))).toEqual(['x', 5, 'y']);
    expect([strip.next?.incident.number, strip.more, strip.singles]).toEqual([7, 0, 1]);
  });
  it('a P1 of no incident keeps its card beside three incidents with a P1', () => {
    const worst = [1, 2, 3].map((n) => incident(n, { priority: 1, members: [member(`P${n}`, { priority: 1 })] }));
    const strip = floodStrip(pictureOf([alert('x', { priority: 1 })], worst), 3);
    expect(strip.cards[0]).toMatchObject({ kind: 'alert', alert: { id: 'x' } });
    expect(strip.next).not.toBeNull();
  });
  it('names the next incident and counts the rest', () => {
    const many = [1, 2, 3, 4, 5, 6].map((n) => incident(n, { opened_ms: T0 + n, members: [member(`M${n}`)] }));
    const strip = floodStrip(pictureOf([alert('y', { priority: 3 })], many), 3);
    expect([strip.cards.length, strip.next?.incident.number, strip.more, strip.singles]).toEqual([3, 3, 2, 1]);
  });
  it('fills empty places with single alerts, but never with a P4', () => {
    const strip = floodStrip(pictureOf([alert('y', { priority: 3 }), alert('z', { priority: 4 })], [waiting]), 3);
    expect(strip.cards.map((c) => (c.kind === 'alert' ? c.alert.id : c.view.incident.number))).toEqual([5, 'y']);
    expect(strip.singles).toBe(1);
  });
  it('loses no waiting alert, however they lie', () => {
    const random = randomFrom(11);
    for (let round = 0; round < 200; round += 1) {
      const alerts = Array.from({ length: Math.floor(random() * 20) }, (_, i) =>
        alert(`a${i}`, { priority: (1 + Math.floor(random() * 4)) as 1 | 2 | 3 | 4, acked: random() < 0.3 }));
      const groups = [1, 2, 3, 4, 5].map((n) => incident(n, { members: alerts.filter((_, i) => i % 7 === n).map((a) => member(a.id)) }));
      const picture = pictureOf(alerts, groups);
      const strip = floodStrip(picture, 3);
      const views = [...strip.cards.flatMap((c) => (c.kind === 'incident' ? [c.view] : [])), ...(strip.next ? [strip.next] : [])];
      const told = strip.cards.filter((c) => c.kind === 'alert').length + strip.singles + incidentViews(picture).reduce((n, v) => n + v.waiting_n, 0);
      expect(told).toBe(alerts.filter((a) => !a.acked).length);
      expect(views.length + strip.more).toBe(incidentViews(picture).length);
    }
  });
});

describe('ringing in a flood', () => {
  const P1 = { id: 'a', priority: 1 as const, rule: 'fire' };
  const P2 = { id: 'b', priority: 2 as const, rule: 'rain' };
  const P2_NAMED = { id: 'c', priority: 2 as const, rule: 'river' };
  const at = (waiting: Sounding['waiting'], flooded = true): Sounding =>
    ({ waiting, synced: true, offline: false, flood_rules: flooded ? ['river'] : null });
  function play(steps: readonly Sounding[], ringer: Ringer = SILENT_RINGER): Tone[][] {
    // Each step stands for two seconds, as long as a P2 has to ask before it sounds.
    return steps.map((sounding, i) => {
      const first = ring(ringer, sounding, T0 + i * 3_000);
      const later = ring(first.ringer, sounding, T0 + i * 3_000 + 2_000);
      ringer = later.ringer;
      return [...first.tones, ...later.tones];
    });
  }
  it('never silences what the system says of itself', () => {
    expect(play([at([]), at([{ ...P2, rule: 'desk-silent' }]), at([{ ...P2, id: 'x', rule: 'other' }])])).toEqual([[], ['p2'], []]);
  });
  it('rings once for each of very many', () => {
    const many = Array.from({ length: 3_000 }, (_, i) => ({ ...(i % 2 ? P1 : P2), id: `A-${i}` }));
    expect(play([at([], false), at(many, false), at(many, false), at(many, false)])).toEqual([[], ['p1', 'p2'], [], []]);
  });
  it('only P1 and the named rules sound', () => {
    expect(play([at([]), at([P2]), at([P2, P2_NAMED]), at([P2, P2_NAMED, P1])])).toEqual([[], [], ['p2'], ['p1']]);
  });
  it('its end plays nothing after, and what comes then sounds again', () => {
    expect(play([at([]), at([P2]), at([P2], false), at([P2, { ...P2, id: 'd' }], false)])).toEqual([[], [], [], ['p2']]);
  });
  it('one that lasts a moment silences nothing, and one that begins in these two seconds does not either', () => {
    const steps: readonly (readonly [number, Sounding])[] = [
      [0, at([], false)], [1_000, at([P2])], [2_000, at([P2], false)], [3_000, at([P2], false)],
      [10_000, at([P2, { ...P2, id: 'd' }], false)], [11_000, at([P2, { ...P2, id: 'd' }])], [12_000, at([P2, { ...P2, id: 'd' }])],
    ];
    let ringer: Ringer = SILENT_RINGER;
    expect(steps.map(([ms, sounding]) => {
      const next = ring(ringer, sounding, T0 + ms);
      ringer = next.ringer;
      return [...next.tones];
    })).toEqual([[], [], [], ['p2'], [], [], ['p2']]);
  });
  it('its beginning plays nothing again', () => {
    expect(play([at([], false), at([P2], false), at([P2]), at([P2, P2_NAMED])])).toEqual([[], ['p2'], [], ['p2']]);
  });
  it('an alert that was silent and becomes a P1 sounds', () => {
    expect(play([at([]), at([P2]), at([{ ...P2, priority: 1 }])])).toEqual([[], [], ['p1']]);
  });
  it('a named rule of P3 sounds no more than without a flood', () => {
    expect(play([at([]), at([{ id: 'e', priority: 3, rule: 'river' }])])).toEqual([[], []]);
  });
});
