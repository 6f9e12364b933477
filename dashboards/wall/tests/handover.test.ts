import { describe, expect, it } from 'vitest';
import { aboutOf, BESIDE, besideCount, changedSections, confirms, countOf, type Handover, type Item, itemsOf, madeLate, ordered, rosterOf, SECTIONS, signable, signing, standsIn, type Suppressing, unread, usual, whyOf } from '../src/model/handover';
import { T0 } from './build';

const item = (section: Item['section'], alert_id: string): Item => ({
  section, alert_id, rule: 'r', priority: 2, state: 'UNACK', title_vi: 'a', title_en: 'b', place_vi: '', place_en: '', centre: 'bien-hoa',
  since_ms: T0, owner: null, owner_display: null, until_ms: null, why: '', hid: 0,
});
const handover = (id: string, more: Partial<Handover> = {}): Handover => ({
  id, roster: 'shift', roster_vi: 'ca chiều', roster_en: 'afternoon', shift_start_ms: T0 - 8 * 3_600_000, shift_end_ms: T0, due_ms: T0 + 600_000, missed_ms: T0 + 29_400_000, unsigned_ms: null,
  outgoing: ['Minh'], incoming: ['Lan'], state: 'draft', notes: [], given: null, taken: null, digest_hash: 'ab',
  digest: { at_ms: T0, raised: 1, ended: 0, acknowledge_p50_s: null, counts: { unacknowledged: 80 }, items: [item('unacknowledged', 'A'), item('hidden', 'B')], silences: 0 },
  ...more,
});
const minh = { actor: 'minh', actor_display: 'Minh', station: '', at_ms: T0 };

describe('handovers', () => {
  it('stand by need: the one due first above, what is over below with the newest first', () => {
    const list = [handover('old', { state: 'taken', shift_end_ms: T0 - 2 }), handover('now', { shift_end_ms: T0 + 5 }), handover('due', { state: 'given' }),
      handover('last', { state: 'missed', shift_end_ms: T0 - 1 })];
    expect(ordered(list).map((one) => one.id)).toEqual(['due', 'now', 'last', 'old']);
    expect(ordered([])).toEqual([]);
  });
  it('have five sections, whose counts are of the whole and not of the list', () => {
    const { digest } = handover('x');
    expect(SECTIONS.map((section) => countOf(digest, section))).toEqual([80, 0, 1, 0, 0]);
    expect(itemsOf(digest, 'hidden').map((one) => one.alert_id)).toEqual(['B']);
  });
  it('have two lists beside them, of which digests of before say nothing', () => {
    const { digest } = handover('x');
    expect(BESIDE.map((list) => besideCount(digest, list))).toEqual([null, null]);
    expect(BESIDE.map((list) => besideCount({ ...digest, suppressing: [], out_of_service: [], counts: { suppressing: 51 } }, list))).toEqual([51, 0]);
  });
  it('say what is silenced in names, in the language of the page, and with ids where a digest of before has only them', () => {
    const before: Suppressing = { kind: 'silence', id: 'S-1', about: 'rules=jam areas=731', why_vi: 'x', why_en: 'x', owner: null, owner_display: null, since_ms: T0, until_ms: null, hid: 0 };
    const named = { ...before, about_vi: 'Ùn tắc · Biên Hòa', about_en: 'Congestion · Bien Hoa' };
    expect([aboutOf(named, 'vi'), aboutOf(named, 'en'), aboutOf({ ...named, about_en: '' }, 'en')]).toEqual(['Ùn tắc · Biên Hòa', 'Congestion · Bien Hoa', 'Ùn tắc · Biên Hòa']);
    expect([aboutOf(before, 'vi'), aboutOf(before, 'en')]).toEqual(['rules=jam areas=731', 'rules=jam areas=731']);
  });
  it('say why an alert is hidden in the language of the page, and a person in their own words', () => {
    const explained = { ...item('hidden', 'A'), why: 'Mất nguồn', why_en: 'Source lost' };
    expect([whyOf(explained, 'vi'), whyOf(explained, 'en')]).toEqual(['Mất nguồn', 'Source lost']);
    expect(whyOf({ ...item('hidden', 'A'), why: 'chờ sửa' }, 'en')).toBe('chờ sửa');
  });
  it('made long after the end of their shift say so; within seconds is in time', () => {
    expect([madeLate(handover('x', { ended_ms: T0 + 3_600_000 })), madeLate(handover('x', { ended_ms: T0 + 9_000 })), madeLate(handover('x', { ended_ms: null })), madeLate(handover('x'))])
      .toEqual([T0 + 3_600_000, null, null, null]);
  });
  it('have in an addendum only what changed, and what closed', () => {
    const addendum = { since_ms: T0, at_ms: T0, raised: 1, ended: 60, counts: { ended: 60, hidden: 0 }, items: [item('ended', 'C'), item('acknowledged', 'D')] };
    expect(changedSections(addendum).map((section) => [section, countOf(addendum, section)])).toEqual([['acknowledged', 1], ['ended', 60]]);
  });
  it('have a name in both languages', () => {
    expect([rosterOf(handover('x'), 'vi'), rosterOf(handover('x'), 'en'), rosterOf(handover('x', { roster_vi: '', roster_en: '' }), 'vi')]).toEqual(['ca chiều', 'afternoon', 'shift']);
  });
});

describe('signing', () => {
  it('before the end of the shift only gives; after it the next shift may take what nobody gave', () => {
    expect(signable(handover('x'), 'lan', true, T0 - 1)).toEqual(['give']);
    expect(signable(handover('x'), 'lan', true, T0)).toEqual(['take', 'give']);
  });
  it('takes what was given, but nobody signs both', () => {
    const given = handover('x', { state: 'given', given: minh });
    expect(signable(given, 'lan', true, T0 - 1)).toEqual(['take']);
    expect(signable(given, 'minh', true, T0)).toEqual([]);
  });
  it('is over when it is over, and nothing for those who only look', () => {
    for (const state of ['taken', 'missed'] as const) expect(signable(handover('x', { state }), 'lan', true, T0)).toEqual([]);
    expect(signable(handover('x'), 'lan', false, T0)).toEqual([]);
  });
  it('proposes what fits the person: giving to the outgoing, taking to the incoming, else only what nobody could mistake', () => {
    const ended = ['take', 'give'] as const;
    expect(usual(handover('x'), ended, ['minh', 'Minh'])).toBe('give');
    expect(usual(handover('x'), ended, ['lan', 'Lan'])).toBe('take');
    expect(usual(handover('x', { incoming: ['Minh'] }), ended, ['minh', 'Minh'])).toBeNull(); // two shifts in a row
    expect(usual(handover('x'), ended, ['hung', 'Hùng'])).toBeNull();
    expect(usual(handover('x'), ['give'], ['hung', 'Hùng'])).toBe('give');
    expect(usual(handover('x'), ['give'], ['lan', 'Lan'])).toBeNull();
    expect(usual(handover('x', { state: 'given' }), ['take'], ['minh', ' MINH '])).toBeNull();
    expect(usual(handover('x', { outgoing: ['minh'] }), ended, ['minh', 'Phạm Nhật Minh'])).toBe('give'); // the roster may name accounts
    expect([usual(handover('x'), [], ['lan', 'Lan']), usual(handover('x', { outgoing: [''], incoming: [] }), ended, ['', ''])]).toEqual([null, null]);
  });
  it('knows people by their accounts too, and who stands in where the roster has some', () => {
    const known = handover('x', { outgoing: [], incoming: [], outgoing_accounts: ['minh'], incoming_accounts: ['lan'] });
    expect([usual(known, ['take', 'give'], ['minh', 'Phạm Nhật Minh']), usual(known, ['take', 'give'], ['lan', ''])]).toEqual(['give', 'take']);
    expect([standsIn(known, 'give', 'minh'), standsIn(known, 'give', 'lan'), standsIn(known, 'take', 'lan'), standsIn(handover('x'), 'give', 'hung')]).toEqual([false, true, false, false]);
    expect(signing('give', known, ' ốm ')).toEqual({ op: 'give', digest_hash: 'ab', standing_in: true, reason: 'ốm' });
  });
  it('is confirmed only for what was shown when it was asked for, and soon', () => {
    const asking = { id: 'x', op: 'give', digest_hash: 'ab', at_ms: T0 } as const;
    expect([confirms(asking, handover('x'), T0 + 30_000), confirms(asking, handover('x'), T0 + 30_001)]).toEqual(['give', null]);
    expect([confirms(asking, handover('y'), T0), confirms(asking, handover('x', { digest_hash: 'cd' }), T0), confirms(asking, undefined, T0), confirms(null, handover('x'), T0)]).toEqual([null, null, null, null]);
  });
  it('needs a reading that is current', () => {
    expect(unread({ at_ms: T0, failed: false }, T0 + 30_000)).toBe(false);
    expect(unread({ at_ms: T0, failed: false }, T0 + 30_001)).toBe(true); // no answer came, not even a bad one
    expect([unread({ at_ms: T0, failed: true }, T0), unread(null, T0)]).toEqual([true, true]);
  });
  it('names the digest that was read', () => {
    expect(signing('take', handover('x', { digest_hash: 'cd' }))).toEqual({ op: 'take', digest_hash: 'cd' });
  });
});
