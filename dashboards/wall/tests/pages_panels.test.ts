/** The panels beside the queue: what was typed and asked outlives them, and none looks calm while it is blind. */

import { cleanup, configure, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import Console from '../src/pages/Console.svelte';
import type { Alert } from '../src/model/wire';
import type { Incident } from '../src/model/wire_desk';

configure({ asyncUtilTimeout: 20_000 }); // a machine that is busy renders late

const SCRIPTS = ['story.js', 'story_desk.js', 'fake.js'].map((name) => readFileSync(`${import.meta.dirname}/../dev/${name}`, 'utf-8'));
const ready = { timeout: 20_000 };
interface Fake { alerts: Map<string, Alert>; incidents: Incident[]; flood: () => object; handover?: object; gone?: string[] }
interface Socket { desk(): void; emit(frame: object): void; delta(changes: object): void; change(id: string, more: object): void; send(text: string): void }
const page = window as unknown as { FAKE: Fake; SOCKET: Socket; ASKED?: { op: string; command_id: string }[] };
const press = (key: string, more: object = {}): Promise<boolean> => fireEvent.keyDown(document.activeElement ?? document.body, { key, ...more });
const click = (id: string): Promise<boolean> => fireEvent.click(screen.getByTestId(id));
const type = (id: string, value: string): Promise<boolean> => fireEvent.input(screen.getByTestId(id), { target: { value } });
const valueOf = (id: string): string => screen.getByTestId<HTMLInputElement>(id).value;
const text = (id: string): string => screen.queryByTestId(id)?.textContent ?? '';
const shown = (id: string, part: string): Promise<void> => waitFor(() => expect(text(id)).toContain(part), ready);

async function open(search: string): Promise<void> {
  localStorage.clear();
  delete page.ASKED;
  window.history.replaceState(null, '', `/console${search}`);
  for (const script of SCRIPTS) new Function(script)();
  render(Console);
  await waitFor(() => expect(screen.getAllByTestId('queue-row').length).toBeGreaterThan(2), ready);
}
afterEach(cleanup);

/** Requests that `lose` names reach the desk, and their answer nobody. */
function losing(lose: (path: string, method: string) => boolean): { paths: string[]; bodies: Record<string, unknown>[] } {
  const real = window.fetch;
  const seen = { paths: [] as string[], bodies: [] as Record<string, unknown>[] };
  window.fetch = async (path, init = {}) => {
    const method = init.method ?? 'GET';
    if (method !== 'GET') seen.paths.push(String(path));
    if (typeof init.body === 'string') seen.bodies.push(JSON.parse(init.body) as Record<string, unknown>);
    const lost = lose(String(path), method);
    const answer = await real(path, init);
    return lost ? new Response('{"error":"no_answer"}', { status: 504 }) : answer;
  };
  return seen;
}

describe('a command whose answer got lost', () => {
  it('keeps its id when the panel of incidents closes, and is asked again with it', async () => {
    await open('?state=flood');
    await press('i');
    await waitFor(() => expect(screen.getAllByTestId('incident-row').length).toBe(5), ready);
    await fireEvent.click(screen.getAllByTestId('incident-row').find((r) => r.dataset['incident'] === 'S-121') as HTMLElement);
    let lost = 2;
    losing((path) => path.startsWith('/api/desk/incidents/') && (lost -= 1) >= 0);
    await type('incident-text', 'Gọi trạm bơm');
    await click('incident-note');
    await shown('incident-problem', 'chưa có trả lời');
    await press('Escape');
    await press('i');
    await shown('incident-unanswered', '1 lệnh chưa có trả lời');
    expect(valueOf('incident-text')).toBe('Gọi trạm bơm');
    await click('incident-note');
    await waitFor(() => expect(page.ASKED?.length).toBe(2), ready);
    await shown('incident-unanswered', '1 lệnh chưa có trả lời');
    await click('incident-again');
    await waitFor(() => expect(valueOf('incident-text')).toBe(''), ready);
    expect(screen.queryByTestId('incident-unanswered')).toBeNull();
    expect(page.ASKED?.map((one) => one.op)).toEqual(['note', 'note', 'note']);
    expect(new Set(page.ASKED?.map((one) => one.command_id)).size).toBe(1);
    await type('incident-text', 'Gọi trạm bơm');
    await click('incident-note');
    await waitFor(() => expect(page.ASKED?.length).toBe(4), ready);
    expect(new Set(page.ASKED?.map((one) => one.command_id)).size).toBe(2); // answered: the same once more is another one
  });

  it('keeps its id at the handover and the silences as well', async () => {
    await open('?state=busy');
    await press('h');
    await shown('handover-state', 'bản nháp');
    let lost = true;
    const seen = losing((_, method) => lost && method !== 'GET');
    await type('handover-note', 'Theo dõi triều');
    await click('handover-note-send');
    await shown('handover-unanswered', '1 lệnh chưa có trả lời');
    await press('h');
    await press('h');
    await shown('handover-unanswered', '1 lệnh chưa có trả lời');
    lost = false;
    await click('handover-again');
    await waitFor(() => expect(screen.queryByTestId('handover-unanswered')).toBeNull(), ready);
    expect(seen.bodies.map((one) => one['op'])).toEqual(['note', 'note']);
    expect(new Set(seen.bodies.map((one) => one['command_id'])).size).toBe(1);
    lost = true;
    await press('j');
    await click('tab-hidden');
    await waitFor(() => expect(screen.getByTestId('silence-form')).toBeTruthy(), ready);
    await type('silence-reason', 'đang sửa');
    await fireEvent.submit(screen.getByTestId('silence-form'));
    await shown('silence-unanswered', '1 lệnh chưa có trả lời');
    await click('tab-queue');
    await click('tab-hidden');
    expect(valueOf('silence-reason')).toBe('đang sửa');
    await fireEvent.submit(screen.getByTestId('silence-form'));
    await waitFor(() => expect(seen.bodies.length).toBe(4), ready);
    expect(new Set(seen.bodies.slice(2).map((one) => one['command_id'])).size).toBe(1);
  });
});

describe('what was typed', () => {
  it('outlives its panel, each alert and each incident with its own; Escape leaves the field first', async () => {
    await open('?state=flood');
    await press('j');
    const first = text('detail-title');
    await press('A');
    await type('note-input', 'báo phường');
    expect(document.activeElement).toBe(screen.getByTestId('note-input'));
    await press('Escape');
    expect(screen.getByTestId('note-input')).not.toBe(document.activeElement);
    await press('j');
    await press('A');
    expect([text('detail-title') === first, valueOf('note-input')]).toEqual([false, '']); // never of another alert
    await press('Escape');
    await press('k');
    await press('c');
    await type('action-text', 'đã gọi');
    await press('Escape');
    await press('i');
    await waitFor(() => expect(screen.getByTestId('incident-text')).toBeTruthy(), ready);
    screen.getByTestId('incident-text').focus();
    await type('incident-text', 'tên mới');
    await press('Escape');
    expect(valueOf('incident-text')).toBe('tên mới');
    expect(document.activeElement).not.toBe(screen.getByTestId('incident-text'));
    await press('h');
    await waitFor(() => expect(screen.getByTestId('handover-note')).toBeTruthy(), ready);
    await type('handover-note', 'còn dở');
    await press('i');
    await waitFor(() => expect(valueOf('incident-text')).toBe('tên mới'), ready);
    await fireEvent.click(screen.getAllByTestId('incident-row')[1] as HTMLElement);
    expect(valueOf('incident-text')).toBe('');
    await press('h');
    await waitFor(() => expect(valueOf('handover-note')).toBe('còn dở'), ready);
    await press('h');
    await waitFor(() => expect(valueOf('action-text')).toBe('đã gọi'), ready);
    await press('Escape');
    await press('A');
    expect(valueOf('note-input')).toBe('báo phường');
  });
});

describe('a selection', () => {
  it('does not come back with an alert that left and asks anew, and a question before it is withdrawn', async () => {
    await open('?state=busy');
    await press('u');
    for (const key of ['j', ' ', 'j', ' ', 'a']) await press(key);
    expect(text('selection-bar')).toContain('2 cảnh báo, trong đó 2 P1');
    const gone = screen.getAllByTestId('queue-row')[0]?.dataset['alertId'] as string;
    page.SOCKET.change(gone, { acked: true, state: 'ACKED', acked_by_display: 'Lan' });
    await waitFor(() => expect(screen.getAllByTestId('queue-row')[0]?.dataset['acked']).toBe('true'), ready);
    await press('n');
    await waitFor(() => expect(document.body.textContent).toContain('1 cảnh báo đã chọn không còn trong danh sách'), ready);
    expect(text('selection-bar')).toMatch(/1 đã chọn|1/);
    expect(text('selection-bar')).not.toContain('trong đó');
    page.SOCKET.change(gone, { acked: false, state: 'UNACK', acked_by_display: null });
    await waitFor(() => expect(screen.getByTestId('news')).toBeTruthy(), ready);
    await press('n');
    await waitFor(() => expect(screen.getAllByTestId('queue-row').some((row) => row.dataset['alertId'] === gone)).toBe(true), ready);
    expect(screen.getAllByTestId('queue-row').find((row) => row.dataset['alertId'] === gone)?.getAttribute('aria-selected')).toBe('false');
  });

  it('of members drops those that left, and splits off the rest', async () => {
    await open('?state=flood');
    await press('i');
    await waitFor(() => expect(screen.getAllByTestId('incident-select').length).toBe(9), ready);
    for (const box of screen.getAllByTestId('incident-select').slice(0, 3)) await fireEvent.click(box);
    const one = page.FAKE.incidents.find((i) => i.number === 120) as Incident;
    const left = screen.getAllByTestId('incident-member')[0]?.textContent;
    const at = one.members.findIndex((m) => m.title_vi === left);
    page.FAKE.incidents[page.FAKE.incidents.indexOf(one)] = { ...one, members: one.members.map((m, i) => (i === at ? { ...m, left_ms: m.raised_ms + 1 } : m)) };
    page.SOCKET.desk();
    await shown('incident-split-left', '1 cảnh báo đã chọn không còn trong sự cố');
    expect(text('incident-split')).toBe('tách 2 cảnh báo');
    await click('incident-split');
    await waitFor(() => expect((page.ASKED?.[0] as unknown as { alert_ids: string[] }).alert_ids.length).toBe(2), ready);
  });
});

describe('the tab of incidents', () => {
  it('counts no drill, and says when the desk is silent or was never heard', async () => {
    await open('?state=flood');
    const count = (): string => screen.getByTestId('side-incidents').querySelector('span')?.textContent ?? '';
    expect(count()).toBe('5');
    page.SOCKET.emit({ t: 'desk', incidents: [...page.FAKE.incidents, { ...page.FAKE.incidents[0], id: 'I-d', exercise: 'drill-7' }], flood: page.FAKE.flood() });
    await press('i');
    await waitFor(() => expect(screen.getAllByTestId('incident-row').length).toBe(6), ready);
    expect(count()).toBe('5');
    page.SOCKET.emit({ t: 'beat', server_time_ms: Date.UTC(2023, 8, 15, 9, 28), pos: '9', lag_s: 0.4, watermarks: {}, degraded: ['desk', 'recorder'] });
    await shown('incidents-silent', 'im lặng');
    expect(text('degraded')).toContain('tiến trình desk, khâu ghi lịch sử');
    expect(screen.queryByTestId('flood')).toBeNull(); // nothing is grouped or silenced by what may be over
    page.SOCKET.emit({ t: 'desk', incidents: [], flood: null });
    await shown('incidents-none', 'chưa nói gì');
  });
});

describe('the load', () => {
  it('is measured against the limit of all positions', async () => {
    await open('?state=busy');
    page.SOCKET.emit({ t: 'desk', incidents: [], flood: { ...page.FAKE.flood(), new: 12, since_ms: null, above: 8, positions: 3, window_s: 900 } });
    await shown('load', '12/15 phút');
    expect(screen.getByTestId('load-bar').style.width).toBe('50%');
  });
});

describe('an acknowledgement of one alert', () => {
  it('does not wait behind those of a whole incident', async () => {
    await open('?state=flood&ack=slow');
    await press('i');
    await waitFor(() => expect(screen.getAllByTestId('incident-row').length).toBe(5), ready);
    await fireEvent.click(screen.getAllByTestId('incident-row').find((r) => r.dataset['incident'] === 'S-118') as HTMLElement);
    const sent: string[] = [];
    const real = page.SOCKET.send.bind(page.SOCKET);
    page.SOCKET.send = (frame) => {
      sent.push((JSON.parse(frame) as { alert_id: string }).alert_id);
      real(frame);
    };
    await click('incident-ack');
    await click('incident-ack');
    await waitFor(() => expect(sent.length).toBe(6), ready);
    const road = page.FAKE.incidents.find((i) => i.number === 120) as Incident;
    const p1 = road.members.find((m) => m.priority === 1 && !m.acked) as { alert_id: string };
    await fireEvent.click(screen.getAllByTestId('incident-row').find((r) => r.dataset['incident'] === 'S-120') as HTMLElement);
    await fireEvent.click(screen.getAllByTestId('incident-member').find((m) => m.textContent?.includes('Xe tải lật')) as HTMLElement);
    await click('ack-button');
    expect(sent.slice(0, 8).indexOf(p1.alert_id)).toBeGreaterThanOrEqual(6);
  });
});

describe('the handover', () => {
  const note = async (said: string): Promise<void> => {
    await type('handover-note', said);
    await click('handover-note-send');
  };
  it('that could not be read says since when it is old, and is not signed', async () => {
    await open('?state=busy');
    await press('h');
    await shown('handover-state', 'bản nháp');
    let away = true;
    losing((path) => away && path === '/api/desk/handovers');
    await note('một'); // after a command it is read anew
    await shown('handover-old', 'đang hiện bản lúc 16:04:');
    expect(screen.getByTestId<HTMLButtonElement>('handover-give').disabled).toBe(true);
    for (let n = 0; n < 2; n += 1) await press('Enter', { ctrlKey: true });
    expect(text('handover-state')).toContain('bản nháp');
    expect(text('handover-give')).not.toContain('chắc chắn');
    await waitFor(() => expect(screen.getByTestId<HTMLTextAreaElement>('handover-note').value).toBe(''), ready);
    away = false;
    await note('hai');
    await waitFor(() => expect(screen.queryByTestId('handover-old')).toBeNull(), ready);
    await waitFor(() => expect(screen.getByTestId<HTMLButtonElement>('handover-give').disabled).toBe(false), ready);
  });

  it('that vanished is not replaced by another one', async () => {
    await open('?state=busy');
    await press('h');
    await shown('handover-state', 'bản nháp');
    page.FAKE.gone = ['H-shift-2'];
    await note('ba');
    await shown('handover-gone', 'không còn trong danh sách');
    expect(screen.queryByTestId('handover-give')).toBeNull();
    await press('Enter', { ctrlKey: true });
    expect(screen.queryByTestId('handover-state')).toBeNull();
    await fireEvent.change(screen.getByTestId('handover-choose'), { target: { value: 'H-shift-1' } });
    await shown('handover-state', 'đã giao và đã nhận');
  });

  it('is signed by two presses: not by one held down, not behind the help, and Escape takes the first one back', async () => {
    await open('?state=busy');
    await press('h');
    await shown('handover-state', 'bản nháp');
    await press('?');
    for (let n = 0; n < 2; n += 1) await press('Enter', { ctrlKey: true });
    await press('Escape');
    expect(text('handover-give')).toContain('ký giao và khóa');
    await press('Enter', { ctrlKey: true });
    for (let n = 0; n < 5; n += 1) await press('Enter', { ctrlKey: true, repeat: true });
    expect(text('handover-give')).toContain('chắc chắn');
    await press('Escape');
    expect(text('handover-give')).toContain('ký giao và khóa');
    expect(text('handover-state')).toContain('bản nháp');
    await press('Enter', { ctrlKey: true });
    await click('handover-unsure');
    expect(text('handover-give')).toContain('ký giao và khóa');
  });

  it('proposes giving to the outgoing person after the end, and to nobody what fits neither', async () => {
    await open('?state=busy');
    page.FAKE.handover = { outgoing: ['Minh'], incoming: ['Lan'], shift_end_ms: Date.UTC(2023, 8, 15) };
    await press('h');
    await waitFor(() => expect(screen.getByTestId('handover-take')).toBeTruthy(), ready);
    await press('Enter', { ctrlKey: true });
    expect([text('handover-give'), text('handover-take')].map((one) => one.includes('chắc chắn'))).toEqual([true, false]);
    await press('Escape');
    await press('h');
    page.FAKE.handover = { outgoing: ['Hùng'], incoming: ['Lan'], shift_end_ms: Date.UTC(2023, 8, 15) };
    await press('h');
    await waitFor(() => expect(text('handover-given')).toBe('Hùng'), ready);
    await press('Enter', { ctrlKey: true });
    expect([text('handover-give'), text('handover-take')].map((one) => one.includes('Enter') || one.includes('chắc chắn'))).toEqual([false, false]);
  });
});

describe('the quality of the alerts', () => {
  it('shows no figures of another span while it loads, and says when they are old', async () => {
    await open('?state=flood');
    await press('l');
    await waitFor(() => expect(text('quality-now')).toBe('38,0'), ready);
    let hold: (() => void) | null = null;
    const real = window.fetch;
    window.fetch = async (path, init) => {
      if (String(path).startsWith('/api/quality')) await new Promise<void>((done) => { hold = done; });
      return real(path, init);
    };
    await click('range-h8');
    await waitFor(() => expect(screen.getByTestId('quality-loading')).toBeTruthy(), ready);
    expect(screen.queryByTestId('quality-now')).toBeNull();
    await waitFor(() => expect(hold).not.toBeNull(), ready);
    (hold as unknown as () => void)();
    await waitFor(() => expect(text('quality-now')).toBe('38,0'), ready);
    window.fetch = async (path, init) => (String(path).startsWith('/api/quality') ? new Response('{}', { status: 503 }) : real(path, init));
    await click('range-d7');
    await shown('quality-old', 'Không đọc được số liệu chất lượng');
    expect(screen.queryByTestId('quality-now')).toBeNull();
  });

  it('measures by the limit of the installation', async () => {
    await open('?state=busy');
    page.SOCKET.emit({ t: 'desk', incidents: [], flood: { ...page.FAKE.flood(), above: 12, positions: 2, window_s: 300 } });
    await press('l');
    await waitFor(() => expect(screen.getByTestId('quality-strip').getAttribute('aria-label')).toContain('vạch: 24'), ready);
    expect(text('quality-now')).toBe('5,0'); // ten of two positions
  });
});

describe('the list of silences', () => {
  it('says that it could not be read instead of being empty', async () => {
    await open('?state=busy');
    const real = window.fetch;
    let away = true;
    window.fetch = async (path, init) => (away && path === '/api/desk/silences' ? new Response('{}', { status: 503 }) : real(path, init));
    await click('tab-hidden');
    await shown('silences-old', 'Không đọc được danh sách im lặng');
    expect(text('silences')).not.toContain('Không có im lặng nào');
    away = false;
    await waitFor(() => expect(screen.queryByTestId('silences-old')).toBeNull(), ready);
    expect(text('silences')).toContain('Không có im lặng nào');
    away = true;
    await shown('silences-old', 'đây là lúc 16:04:');
  });
});
