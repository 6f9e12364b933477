import { describe, expect, it } from 'vitest';
import { keyCommand, keyOfSide } from '../src/lib/keys';
import { DESK_CODES, deskReason } from '../src/lib/words_desk';
import { replyOf } from '../src/model/desk_answers';
import { lacksOf, listed, membersOf, mergeable, nameOfId, stillThere, toAcknowledge, withSeen } from '../src/model/incident_list';
import { EMPTY, type Picture } from '../src/model/picture';
import { alert, incident, member, T0 } from './build';

describe('an answer of the desk', () => {
  const said = (more: object): { ok: true; value: unknown } => ({ ok: true, value: { outcome: 'DONE', reason: '', by: null, by_display: null, at_ms: T0, ...more } });
  it('is done when it was done, or was so already', () => {
    expect(replyOf(said({}))).toMatchObject({ done: true, settled: true, code: '' });
    expect(replyOf(said({ outcome: 'ALREADY', by: 'lan', by_display: 'Lan' }))).toMatchObject({ done: true, by: 'Lan' });
  });
  it('names the code of a refusal, whichever way it comes', () => {
    expect(replyOf(said({ outcome: 'REFUSED', reason: 'NOT_MEMBER' }))).toMatchObject({ done: false, settled: true, code: 'NOT_MEMBER' });
    expect(replyOf({ ok: false, status: 409, error: 'refused', detail: 'TOO_OLD' })).toMatchObject({ done: false, settled: true, code: 'TOO_OLD' });
    expect(replyOf({ ok: false, status: 403, error: 'forbidden', detail: 'only dispatchers may' }).code).toBe('forbidden');
    expect(replyOf({ ok: false, status: 500, error: '' }).code).toBe('500');
  });
  it('that came too late says who was faster, when, and where the alerts are now', () => {
    const stale = (late: object): ReturnType<typeof replyOf> =>
      replyOf({ ok: false, status: 409, error: 'stale', detail: 'MERGED', late: { by: 'lan', by_display: 'Lan', by_at_ms: T0, about: 'into=I-7', ...late } });
    expect(stale({})).toMatchObject({ done: false, settled: true, outcome: 'STALE', code: 'MERGED', by: 'Lan', by_id: 'lan', by_at_ms: T0, into: 'I-7' });
    expect(stale({ by_display: null, about: 'from=x into=I-8 y' })).toMatchObject({ by: 'lan', into: 'I-8' });
    expect(stale({ by: null, by_display: null, by_at_ms: null, about: '' })).toMatchObject({ by: '', by_id: null, by_at_ms: null, into: '' });
  });
  it('that did not come leaves the command open', () => {
    for (const status of [0, 502, 503, 504]) expect(replyOf({ ok: false, status, error: '' }).settled).toBe(false);
    expect(replyOf(said({ outcome: 'UNKNOWN' }))).toMatchObject({ done: false, settled: false });
  });
  it.each([...DESK_CODES])('%s has words in both languages', (code) => {
    for (const lang of ['vi', 'en'] as const) expect(deskReason(code, lang)).not.toBe(code);
    expect(deskReason(code, 'vi')).not.toBe(deskReason(code, 'en'));
  });
  it('with a code that nobody knows shows the code', () => {
    expect([deskReason('NEVER_HEARD_OF', 'vi'), deskReason('toString', 'en')]).toEqual(['NEVER_HEARD_OF', 'toString']);
  });
});

describe('the list of incidents', () => {
  const pictureOf = (alerts: ReturnType<typeof alert>[], incidents: ReturnType<typeof incident>[]): Picture =>
    ({ ...EMPTY, alerts: new Map(alerts.map((a) => [a.id, a])), desk: { incidents, flood: null } });
  it('has drills last and no closed ones', () => {
    const picture = pictureOf([], [incident(1, { exercise: 'd', priority: 1 }), incident(2), incident(3, { state: 'closed' }), incident(4, { priority: 1 })]);
    expect(listed(picture).map((v) => v.incident.number)).toEqual([4, 2, 1]);
  });
  it('acknowledges what nobody has, and nothing that is hidden, explained, closed or unknown', () => {
    const of = incident(1, { members: ['A', 'B', 'C', 'D', 'E', 'F'].map((id) => member(id)) });
    const picture = pictureOf([alert('A'), alert('B', { acked: true }), alert('C', { suppression: 'shelved-until' }),
      alert('D', { explained: { kind: 'window', id: 'w', until_ms: null, why_vi: '', why_en: '' } }), alert('E', { closed: true })], [of]);
    expect(toAcknowledge(of, picture).map((a) => a.id)).toEqual(['A']);
  });
  it('splits off only what is still there, and knows how many left meanwhile', () => {
    const of = incident(1, { members: [member('gone', { left_ms: T0 }), member('b'), member('a'), member('closed')] });
    expect(stillThere(new Set(['b', 'gone', 'a', 'never', 'closed']), of, pictureOf([alert('closed', { closed: true })], [of]))).toEqual({ ids: ['a', 'b'], left: 3 });
    expect(stillThere(new Set(), of, EMPTY)).toEqual({ ids: [], left: 0 });
  });
  it('draws members that left below', () => {
    const of = incident(1, { members: [member('gone', { priority: 1, left_ms: T0 }), member('b', { priority: 3 }), member('a')] });
    expect(membersOf(of).map((m) => m.alert_id)).toEqual(['a', 'b', 'gone']);
  });
  it('offers to merge only what is open and of the same world', () => {
    const picture = pictureOf([], [incident(1), incident(2), incident(3, { exercise: 'd' }), incident(4, { state: 'closed' })]);
    expect(mergeable(incident(1), picture).map((one) => one.number)).toEqual([2]);
  });
  it('finds out what is lacking before it asks', () => {
    expect([lacksOf({ op: 'take' }), lacksOf({ op: 'note', text: ' ' }), lacksOf({ op: 'rename', text: 'x'.repeat(501) }), lacksOf({ op: 'merge' }),
      lacksOf({ op: 'split', alert_ids: [] }), lacksOf({ op: 'split', alert_ids: ['A'] })]).toEqual([null, 'text', 'text', 'other', 'alerts', null]);
  });
});

describe('a command to an incident', () => {
  it('says what the screen shows, so that nothing of somebody faster is overwritten', () => {
    const led = incident(1, { owner: 'lan' });
    expect([withSeen({ op: 'take' }, incident(1), 't', null), withSeen({ op: 'take' }, led, 't', null), withSeen({ op: 'release' }, led, 't', null)].map((one) => one.expected_owner)).toEqual(['', 'lan', 'lan']);
    expect(withSeen({ op: 'rename', text: 'x' }, led, 'Storm, flooding', null)).toEqual({ op: 'rename', text: 'x', expected_title: 'Storm, flooding' });
    expect(withSeen({ op: 'note', text: 'x' }, led, 't', null)).toEqual({ op: 'note', text: 'x' });
  });
  it('of the second press is against who was named, until the desk says something newer', () => {
    const faster = { before: null, owner: 'lan', display: 'Lan' };
    expect(withSeen({ op: 'take' }, incident(1), 't', faster).expected_owner).toBe('lan');
    expect(withSeen({ op: 'take' }, incident(1, { owner: 'hung' }), 't', faster).expected_owner).toBe('hung');
  });
});

describe('an id in a line of the timeline', () => {
  const here = incident(1, { members: [member('A')] });
  const picture = { ...EMPTY, alerts: new Map([['B', alert('B')]]), desk: { incidents: [incident(2)], flood: null, numbers: new Map([['I-gone', 118]]) } };
  it('is said as the number of the incident, also of one that is gone, or the title of the alert', () => {
    expect(['I-2', 'I-gone', 'A', 'B', 'I-never'].map((id) => nameOfId(id, here, picture, 'en'))).toEqual(['S-2', 'S-118', 'Level A', 'Level B', null]);
  });
});

describe('keys of the sides', () => {
  it('are one each', () => {
    expect(['incidents', 'handover', 'quality', 'detail'].map(keyOfSide)).toEqual(['I', 'H', 'L', '']);
    const press = { key: 'h', ctrlKey: false, altKey: false, metaKey: false, isComposing: false };
    expect(keyCommand(press, { typing: false, control: false, letters: true })).toEqual({ do: 'side', side: 'handover' });
  });
});
