import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer } from '../src/link/http';
import { AGAIN_MAX_MS, DEBOUNCE_MS, LogReader, type LogView } from '../src/link/log_reader';
import { linesOf, logIsBehind } from '../src/model/timeline';
import type { Alert, LogEntry } from '../src/model/wire';
import { alert, T0 } from './build';

const entry = (more: Partial<LogEntry>): LogEntry => ({ id: 'e', alert_id: 'A', kind: 'transition', what: 'raised', accepted: true, at_ms: T0, to_state: 'UNACK', ...more });
const RAISED = entry({ id: '1' });
const ACK = entry({ id: '2', kind: 'command', what: 'ack', at_ms: T0 + 9_000, actor_display: 'Lan', outcome: 'DONE', to_state: 'ACKED' });
const OPEN = alert('A');
const ACKED: Alert = alert('A', { version: 2, acked: true, state: 'ACKED', acked_ms: T0 + 9_000, acked_by: 'lan', acked_by_display: 'Lan' });
const none = { pending: null, answered: [], me: 'Minh' };

/** A log that answers when it is told to. */
function server() {
  const waiting: ((answer: Answer<{ entries: readonly LogEntry[] }>) => void)[] = [];
  const views: LogView[] = [];
  const reader = new LogReader(() => new Promise((resolve) => waiting.push(resolve)), (view) => views.push(view));
  const reply = async (...entries: LogEntry[]): Promise<void> => {
    waiting.shift()?.({ ok: true, value: { entries } });
    await vi.advanceTimersByTimeAsync(0);
  };
  const fail = async (): Promise<void> => {
    waiting.shift()?.({ ok: false, status: 503, error: 'database_unavailable' });
    await vi.advanceTimersByTimeAsync(0);
  };
  return { waiting, views, reader, reply, fail };
}

describe('reading the log of the open alert', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });
  const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  it('asks at once, and after a change no earlier than the debounce', async () => {
    const { reader, waiting, views, reply } = server();
    reader.look(OPEN, 0);
    await pass(0);
    await reply(RAISED);
    expect(views.at(-1)?.entries).toEqual([RAISED]);
    await pass(60_000);
    expect(waiting).toHaveLength(0); // the log is up to date: nothing more to ask
    reader.look(ACKED, 0);
    reader.look({ ...ACKED, version: 3 }, 0);
    await pass(DEBOUNCE_MS - 1);
    expect(waiting).toHaveLength(0);
    await pass(1);
    expect(waiting).toHaveLength(1);
    await reply(RAISED, ACK);
    await pass(60_000);
    expect(waiting).toHaveLength(0);
  });

  it('asks again with growing waits while the recorder is behind, one question at a time', async () => {
    const { reader, waiting, reply } = server();
    reader.look(ACKED, 0);
    await pass(0);
    const waits: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      reader.look(ACKED, 0); // the same alert again is no reason to ask
      expect(waiting).toHaveLength(1);
      await reply(RAISED);
      let waited = 0;
      while (waiting.length === 0) {
        await pass(500);
        waited += 500;
      }
      waits.push(waited);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, AGAIN_MAX_MS, AGAIN_MAX_MS]);
    await reply(RAISED, ACK);
    await pass(300_000);
    expect(waiting).toHaveLength(0);
  });

  it('says that it failed, keeps what it had, and tries again', async () => {
    const { reader, waiting, views, reply, fail } = server();
    reader.look(OPEN, 0);
    await pass(0);
    await reply(RAISED);
    reader.look(ACKED, 0);
    await pass(DEBOUNCE_MS);
    await fail();
    expect(views.at(-1)).toMatchObject({ entries: [RAISED], failed: true });
    await pass(DEBOUNCE_MS);
    await reply(RAISED, ACK);
    expect(views.at(-1)).toMatchObject({ entries: [RAISED, ACK], failed: false });
    expect(waiting).toHaveLength(0);
  });

  it('asks once more for a change that came while a question was under way', async () => {
    const { reader, waiting, reply } = server();
    reader.look(OPEN, 0);
    await pass(0);
    reader.look(OPEN, 1);
    await pass(30_000);
    expect(waiting).toHaveLength(1);
    await reply(RAISED);
    await pass(DEBOUNCE_MS);
    expect(waiting).toHaveLength(1);
  });

  it('throws the answer about another alert away, and asks nothing after its end', async () => {
    const { reader, waiting, views, reply } = server();
    reader.look(OPEN, 0);
    await pass(0);
    reader.look(alert('B'), 0);
    await reply(RAISED);
    expect(views.at(-1)).toEqual({ alert_id: 'B', entries: null, failed: false });
    await pass(0);
    expect(waiting).toHaveLength(1);
    reader.stop();
    await reply(RAISED);
    await pass(60_000);
    expect(waiting).toHaveLength(0);
    expect(views.at(-1)?.entries).toBeNull();
  });
});

describe('log and alert together', () => {
  it('show somebody else’s acknowledgement from the alert until the log has it, and never twice', () => {
    const before = linesOf(ACKED, [RAISED], none);
    expect(before.map((l) => [l.kind, l.who])).toEqual([['raised', null], ['acked', 'Lan']]);
    const after = linesOf(ACKED, [RAISED, ACK], none);
    expect(after.map((l) => [l.kind, l.who, l.id])).toEqual([['raised', null, '1'], ['acked', 'Lan', '2']]);
  });
  it('know that the log is behind: an acknowledgement, an end, another state', () => {
    expect(logIsBehind(OPEN, [])).toBe(true);
    expect(logIsBehind(OPEN, [RAISED])).toBe(false);
    expect(logIsBehind(ACKED, [RAISED])).toBe(true);
    expect(logIsBehind(ACKED, [RAISED, ACK])).toBe(false);
    const over = alert('A', { active: false, state: 'RTNUN', cleared_ms: T0 });
    expect(logIsBehind(over, [RAISED])).toBe(true);
    const cleared = entry({ id: '3', what: 'cleared', to_state: 'RTNUN' });
    expect(logIsBehind(over, [RAISED, cleared])).toBe(false);
    expect(logIsBehind(OPEN, [RAISED, cleared])).toBe(true); // raised again, and the log does not tell
    expect(linesOf(over, [RAISED], none).map((l) => l.kind)).toEqual(['raised', 'cleared']);
  });
});
