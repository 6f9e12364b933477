import { describe, expect, it } from 'vitest';
import { ackFrame, ANSWERED_MAX, BULK_PENDING_MAX, BULK_SEND_MAX_PER_S, promote, answerFor, due, give, NO_COMMANDS, pendingFor, PENDING_MAX, RESEND_AFTER_MS, SEND_MAX_PER_S, settle, unsend, type Commands } from '../src/model/commands';
import { linesOf } from '../src/model/timeline';
import type { LogEntry, Outcome, OutcomeFrame } from '../src/model/wire';
import { alert, T0 } from './build';

const given = (id: string, n = 0): Commands => give(NO_COMMANDS, ackFrame(alert(id, { version: 3 }), `cmd-${id}-${n}`, null), T0) as Commands;
const outcome = (command_id: string, word: Outcome, more: Partial<OutcomeFrame> = {}): OutcomeFrame => ({ t: 'outcome', command_id, outcome: word, ...more });

describe('a command on its way', () => {
  it('names the version that the person saw', () => {
    expect(ackFrame(alert('A', { version: 3 }), 'c', 'x')).toEqual({ t: 'command', command_id: 'c', op: 'ack', alert_id: 'A', expected_version: 3, note: 'x' });
  });

  it('is sent at once, again after the silence, and again after a reconnect, always with the same id', () => {
    let { commands, frames } = due(given('A'), 1_000);
    expect(frames.map((f) => f.command_id)).toEqual(['cmd-A-0']);
    ({ commands, frames } = due(commands, 1_000 + RESEND_AFTER_MS - 1));
    expect(frames).toEqual([]);
    ({ commands, frames } = due(commands, 1_000 + RESEND_AFTER_MS));
    expect(frames.map((f) => f.command_id)).toEqual(['cmd-A-0']);
    expect(due(commands, 1_001 + RESEND_AFTER_MS).frames).toEqual([]);
    expect(due(unsend(commands), 1_001 + RESEND_AFTER_MS).frames.map((f) => f.command_id)).toEqual(['cmd-A-0']);
  });

  it('waits for its turn when there are many: eight in a second, each once before any goes again', () => {
    let commands = NO_COMMANDS;
    for (let i = 0; i < 50; i += 1) commands = give(commands, ackFrame(alert(`M${i}`), `m-${i}`, null), T0) as Commands;
    const sent: string[] = [];
    for (let at_ms = 0; at_ms <= 6_000; at_ms += 200) {
      const next = due(commands, 10_000 + at_ms);
      commands = next.commands;
      expect(next.frames.length).toBeLessThanOrEqual(SEND_MAX_PER_S);
      sent.push(...next.frames.map((f) => f.command_id));
    }
    expect(sent.slice(0, 8)).toEqual(['m-0', 'm-1', 'm-2', 'm-3', 'm-4', 'm-5', 'm-6', 'm-7']);
    expect(new Set(sent.slice(0, 50)).size).toBe(50);
    expect(sent.length).toBe(7 * SEND_MAX_PER_S);
  });

  it('counts what was answered within the second as sent', () => {
    let commands = NO_COMMANDS;
    for (let i = 0; i < 9; i += 1) commands = give(commands, ackFrame(alert(`M${i}`), `m-${i}`, null), T0) as Commands;
    commands = settle(due(commands, 10_000).commands, outcome('m-0', 'DONE'));
    expect(due(commands, 10_100).frames).toEqual([]);
    expect(due(commands, 11_000).frames.map((f) => f.command_id)).toEqual(['m-8']);
  });

  describe('beside many that were given together', () => {
    const bulk = (n: number, from: Commands = NO_COMMANDS): Commands => Array.from({ length: n }, (_, i) => i)
      .reduce((held, i) => give(held, ackFrame(alert(`M${i}`), `m-${i}`, null), T0, { priority: i % 5 === 4 ? 1 : 3, bulk: true }) as Commands, from);
    const play = (from: Commands, at: readonly number[]): { commands: Commands; sent: string[] } => {
      let commands = from;
      const sent = at.flatMap((at_ms) => {
        const next = due(commands, at_ms);
        commands = next.commands;
        return next.frames.map((f) => f.command_id);
      });
      return { commands, sent };
    };
    it('goes at once, however many wait: some room of each second is its own', () => {
      const begun = play(bulk(BULK_PENDING_MAX), [10_000]);
      expect(begun.sent.length).toBe(BULK_SEND_MAX_PER_S);
      const given_now = give(begun.commands, ackFrame(alert('P'), 'p1', null), T0, { priority: 1 }) as Commands;
      expect(play(given_now, [10_001]).sent).toEqual(['p1']);
      expect(play(given_now, [11_001]).sent[0]).toBe('p1');
    });
    it('is given although the list of the many is full', () => {
      const full = bulk(BULK_PENDING_MAX);
      expect(give(full, ackFrame(alert('X'), 'x', null), T0, { priority: 1, bulk: true })).toBeNull();
      expect(give(full, ackFrame(alert('P'), 'p1', null), T0, { priority: 1 })).not.toBeNull();
      expect(BULK_PENDING_MAX).toBeLessThan(PENDING_MAX);
    });
    it('the many go P1 first, else as they were given, each with its own id and once', () => {
      const { sent } = play(bulk(20), [0, 1_000, 2_000, 3_000, 4_000].map((ms) => 10_000 + ms));
      expect(sent.slice(0, 6)).toEqual(['m-4', 'm-9', 'm-14', 'm-19', 'm-0', 'm-1']);
      expect(new Set(sent).size).toBe(20);
      expect(sent.length).toBe(20);
    });
    it('one of the many that is asked for by itself is of them no more, and keeps its id', () => {
      const begun = play(bulk(40), [10_000]).commands;
      const wanted = promote(begun, 'M37');
      expect(play(wanted, [10_001]).sent).toEqual(['m-37']);
      expect(promote(wanted, 'M37')).toBe(wanted);
      expect(promote(begun, 'nobody')).toBe(begun);
    });
    it('no answer to it holds nothing up: a repeat goes before the many and takes no more than its turn', () => {
      const held = give(bulk(40), ackFrame(alert('P'), 'p1', null), T0, { priority: 1 }) as Commands;
      const { sent } = play(held, Array.from({ length: 6 }, (_, i) => 10_000 + i * 1_000));
      expect(sent.filter((id) => id === 'p1').length).toBe(2);
      expect(new Set(sent).size).toBe(1 + 6 * BULK_SEND_MAX_PER_S);
    });
  });

  it('stays while nobody knows, and ends with any other outcome', () => {
    const commands = given('A');
    expect(settle(commands, outcome('cmd-A-0', 'UNKNOWN')).pending).toHaveLength(1);
    for (const word of ['DONE', 'ALREADY_ACKED', 'CLEARED_ALREADY', 'STALE', 'NOT_FOUND', 'REFUSED'] as const) {
      const after = settle(commands, outcome('cmd-A-0', word));
      expect(after.pending).toEqual([]);
      expect(answerFor(after, 'A')?.outcome.outcome).toBe(word);
    }
  });

  it('an answer to somebody else changes nothing', () => {
    const commands = given('A');
    expect(settle(commands, outcome('other', 'DONE'))).toBe(commands);
  });

  it('is given once per alert, and not without bound', () => {
    expect(give(given('A'), ackFrame(alert('A'), 'second', null), T0)).toBeNull();
    let commands: Commands | null = NO_COMMANDS;
    for (let i = 0; i < PENDING_MAX; i += 1) commands = give(commands as Commands, ackFrame(alert(`A${i}`), `c${i}`, null), T0);
    expect(commands?.pending).toHaveLength(PENDING_MAX);
    expect(give(commands as Commands, ackFrame(alert('B'), 'c', null), T0)).toBeNull();
  });

  it('keeps a bounded number of answers', () => {
    let commands = NO_COMMANDS;
    for (let i = 0; i < ANSWERED_MAX + 20; i += 1) {
      commands = settle(give(commands, ackFrame(alert('A'), `c${i}`, null), T0) as Commands, outcome(`c${i}`, 'DONE'));
    }
    expect(commands.answered).toHaveLength(ANSWERED_MAX);
    expect(pendingFor(commands, 'A')).toBeNull();
  });
});

describe('the timeline', () => {
  const entry = (more: Partial<LogEntry>): LogEntry => ({ id: 'e', alert_id: 'A', kind: 'transition', what: 'raised', accepted: true, at_ms: T0, ...more });
  const none = { pending: null, answered: [], me: 'Minh' };

  it('shows the log in the order of time, with who and what', () => {
    const lines = linesOf(alert('A'), [
      entry({ id: '2', kind: 'command', what: 'ack', at_ms: T0 + 9, actor: 'lan', actor_display: 'Lan', command_id: 'x', outcome: 'DONE' }),
      entry({ id: '1', priority: 2 }),
      entry({ id: '3', kind: 'command', what: 'ack', accepted: false, at_ms: T0 + 12, actor_display: 'Minh', by_display: 'Lan', outcome: 'ALREADY_ACKED' }),
      entry({ id: '4', what: 're-raised', at_ms: T0 + 20 }), entry({ id: '5', what: 'teleported', at_ms: T0 + 30 }),
    ], none);
    expect(lines.map((l) => l.kind)).toEqual(['raised', 'acked', 'refused', 'reraised', 'other']);
    expect(lines[2]).toMatchObject({ who: 'Minh', other: 'Lan' });
  });

  it('without a log tells what the alert itself says', () => {
    const lines = linesOf(alert('A', { active: false, acked_ms: T0, acked_by_display: 'Lan', cleared_ms: T0 + 5 }), null, none);
    expect(lines.map((l) => l.kind)).toEqual(['raised', 'acked', 'cleared']);
  });

  it('adds the refused and the pending command of this page, until the log has them', () => {
    const mine = settle(given('A'), outcome('cmd-A-0', 'ALREADY_ACKED', { by_display: 'Lan', at_ms: T0 }));
    const pending = given('A', 1).pending[0] ?? null;
    const lines = linesOf(alert('A'), [entry({})], { pending, answered: mine.answered, me: 'Minh' });
    expect(lines.map((l) => l.kind)).toEqual(['raised', 'refused', 'pending']);
    const later = linesOf(alert('A'), [entry({}), entry({ id: 'c', kind: 'command', accepted: false, command_id: 'cmd-A-0' })], { pending: null, answered: mine.answered, me: 'Minh' });
    expect(later.filter((l) => l.kind === 'refused')).toHaveLength(1);
  });
});
