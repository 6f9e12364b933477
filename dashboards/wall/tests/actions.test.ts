import { describe, expect, it } from 'vitest';
import { actionsFor } from '../src/model/actions';
import { commandFrame, give, NO_COMMANDS, settle, type Commands } from '../src/model/commands';
import { linesOf } from '../src/model/timeline';
import { OPS, type Alert, type LogEntry } from '../src/model/wire';
import { WORDS } from '../src/lib/words';
import { alert, T0 } from './build';

const hidden = { since_ms: T0, by: 'lan', by_display: 'Lan', reason: 'r', until_ms: T0 + 1, review_ms: null, review_told: false };
const SHELVED: Partial<Alert> = { suppression: 'shelved-until', hidden };
const OUT: Partial<Alert> = { suppression: 'out-of-service', hidden: { ...hidden, until_ms: null, review_ms: T0 + 1 } };
const may = (more: Partial<Alert>, role = 'dispatcher'): string[] => actionsFor(alert('A', more), role, 'minh');

describe('what may be done', () => {
  it('follows the state of the alert', () => {
    expect(may({})).toEqual(['take', 'assign', 'dispatch', 'comment', 'shelve', 'close']);
    expect(may({ acked: true })).toContain('unack');
    expect(may({ assigned: { to: 'minh', to_display: 'Minh', by: 'x', by_display: 'X', at_ms: T0, version: 1 } })).not.toContain('take');
    expect(may(SHELVED)).toEqual(['take', 'assign', 'dispatch', 'comment', 'unshelve']);
    expect(may(OUT)).toEqual(['take', 'assign', 'dispatch', 'comment']);
    expect(may({ suppression: 'by-design', muted_by: 'A-9' })).toEqual(['take', 'assign', 'dispatch', 'comment']);
    expect(may({ active: false, acked: true, latched: true })).toContain('reset');
    expect(may({ active: false, acked: true, closed: true })).toEqual(['comment', 'shelve', 'close', 'reopen']);
    expect(may({ active: false, acked: true, closed: true, result: { code: 'test', by: 'a', by_display: 'A', at_ms: T0 } })).not.toContain('close');
  });
  it('follows the role', () => {
    expect(may({}, 'engineer')).toEqual(['comment', 'out_of_service']);
    expect(may(OUT, 'engineer')).toEqual(['comment', 'return_to_service']);
    expect(may(OUT, 'admin')).toContain('return_to_service');
    for (const role of ['wall', 'viewer', 'operator', '']) expect(may({}, role)).toEqual([]);
  });
});

describe('a command', () => {
  it('carries its own fields and the version that was seen', () => {
    expect(commandFrame(alert('A', { version: 7 }), 'shelve', 'c', { reason: 'r', for_s: 60 })).toEqual(
      { t: 'command', command_id: 'c', op: 'shelve', alert_id: 'A', expected_version: 7, note: null, reason: 'r', for_s: 60 });
  });
  it.each([...OPS])('%s has words in both languages', (op) => {
    for (const lang of ['vi', 'en'] as const) for (const kind of ['op', 'did']) expect(WORDS[lang]).toHaveProperty(`${kind}_${op}`);
  });
});

describe('the timeline', () => {
  const entry = (more: Partial<LogEntry>): LogEntry => ({ id: 'e', alert_id: 'A', kind: 'command', what: 'shelve', accepted: true, at_ms: T0, ...more });
  it('tells of operations and of what happened while hidden', () => {
    const lines = linesOf(alert('A'), [
      entry({ id: '0', kind: 'transition', what: 'raised' }), entry({ id: '1', at_ms: T0 + 1, actor_display: 'Lan', note: 'r', detail: '3600' }),
      entry({ id: '2', at_ms: T0 + 2, kind: 'transition', what: 'hidden-occurrence' }), entry({ id: '3', at_ms: T0 + 3, kind: 'transition', what: 're-alarmed' }),
      entry({ id: '5', at_ms: T0 + 3, kind: 'transition', what: 're-explained', from_state: 'DSUPR', to_state: 'DSUPR' }),
      entry({ id: '4', at_ms: T0 + 4, what: 'unshelve', accepted: false, outcome: 'ALREADY', by_display: 'Lan' }),
    ], { pending: null, answered: [], me: 'Minh' });
    expect(lines.map((l) => l.kind)).toEqual(['raised', 'done', 'hiddenoccurrence', 'realarmed', 'reexplained', 'refused']);
    expect(lines[1]).toMatchObject({ op: 'shelve', who: 'Lan', note: '3600 · r' });
  });
  it('tells who was called, and when nobody could be', () => {
    const summons = { number: 1, step: 1, round: 0, whom: ['Trực ban 1', 'Trưởng ca'], channels: ['log'], reason: 'STEP_LATE', at_ms: T0, began_ms: T0 };
    const called = { id: '1', kind: 'transition', what: 'summoned', summons } as const;
    const lines = linesOf(alert('A'), [
      entry({ id: '0', kind: 'transition', what: 'raised' }), entry({ ...called, at_ms: T0 + 1 }),
      entry({ ...called, id: '2', at_ms: T0 + 2, summons: { ...summons, number: 2, whom: [], channels: [], reason: 'EMPTY_ROSTER' } }),
    ], { pending: null, answered: [], me: 'Minh' });
    expect(lines.map((l) => l.kind)).toEqual(['raised', 'called', 'uncalled']);
    expect(lines.map((l) => l.summons?.reason ?? null)).toEqual([null, 'STEP_LATE', 'EMPTY_ROSTER']);
    for (const lang of ['vi', 'en'] as const) for (const word of ['ev_called', 'ev_uncalled', 'call_step', 'called']) expect(WORDS[lang]).toHaveProperty(word);
  });
  it('shows a refused operation of this page as refused', () => {
    const given = give(NO_COMMANDS, commandFrame(alert('A'), 'close', 'c', { result: 'test' }), T0) as Commands;
    const mine = settle(given, { t: 'outcome', command_id: 'c', outcome: 'CLEARED_ALREADY' });
    const lines = linesOf(alert('A'), [entry({ id: '0', kind: 'transition', what: 'raised' })], { pending: null, answered: mine.answered, me: 'Minh' });
    expect(lines.map((l) => [l.kind, l.op])).toEqual([['raised', null], ['refused', 'close']]);
  });
});
