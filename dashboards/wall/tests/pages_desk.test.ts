/** Incidents, handover and quality at the console, with the stand-in for the gateway from dev/. */

import { cleanup, configure, fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import Console from '../src/pages/Console.svelte';
import type { Incident } from '../src/model/wire_desk';

configure({ asyncUtilTimeout: 20_000 }); // a machine that is busy renders late

const SCRIPTS = ['story.js', 'story_desk.js', 'fake.js'].map((name) => readFileSync(`${import.meta.dirname}/../dev/${name}`, 'utf-8'));
const ready = { timeout: 20_000 };
const press = (key: string, more: object = {}): Promise<boolean> => fireEvent.keyDown(document.activeElement ?? document.body, { key, ...more });
const asked = (): { op: string; command_id: string }[] => (window as unknown as { ASKED?: { op: string; command_id: string }[] }).ASKED ?? [];

async function sign(): Promise<void> {
  for (let press = 0; press < 2; press += 1) await fireEvent.click(screen.getByTestId('handover-give'));
}

async function open(search: string): Promise<void> {
  localStorage.clear();
  delete (window as unknown as { ASKED?: unknown }).ASKED;
  window.history.replaceState(null, '', `/console${search}`);
  for (const script of SCRIPTS) new Function(script)();
  render(Console);
  await waitFor(() => expect(screen.getAllByTestId('queue-row').length).toBeGreaterThan(2), ready);
}
afterEach(cleanup);

describe('incidents at the console', () => {
  it('are listed with who leads them, taken, noted, and refused in words', async () => {
    await open('?state=flood');
    await press('i');
    await waitFor(() => expect(screen.getAllByTestId('incident-row').length).toBe(5), ready);
    expect(screen.getByTestId('flood').textContent).toBe('BÃO CẢNH BÁO');
    const calls = screen.getAllByTestId('incident-row').find((r) => r.dataset['incident'] === 'S-121') as HTMLElement;
    await fireEvent.click(calls);
    expect(screen.getByTestId('incident-owner').textContent).toBe('chưa ai nhận');
    await fireEvent.click(screen.getByTestId('incident-take'));
    await waitFor(() => expect(screen.getByTestId('incident-owner').textContent).toBe('Minh'), ready);
    await waitFor(() => expect(screen.getByTestId('incident-timeline').textContent).toContain('Minh nhận phụ trách'), ready);
    await fireEvent.input(screen.getByTestId('incident-text'), { target: { value: 'Phản ánh 1022' } });
    await fireEvent.click(screen.getByTestId('incident-rename'));
    await waitFor(() => expect(screen.getByTestId('incident-problem').textContent).toContain('tên vẫn như cũ'), ready);
    expect(asked().map((one) => one.op)).toEqual(['take', 'rename']);
    expect(new Set(asked().map((one) => one.command_id)).size).toBe(2);
  });

  it('acknowledge all that nobody has, ask before a P1, and show each alert its incident', async () => {
    await open('?state=flood');
    await press('i');
    await waitFor(() => expect(screen.getByTestId('incident-title').textContent).toContain('S-120'), ready);
    await fireEvent.click(screen.getByTestId('incident-ack'));
    await waitFor(() => expect(screen.getAllByRole('alert').map((one) => one.textContent).join()).toContain('5 cảnh báo, trong đó 1 P1'), ready);
    await fireEvent.click(screen.getByTestId('incident-ack'));
    await waitFor(() => expect(screen.queryByTestId('incident-ack')).toBeNull(), ready);
    await fireEvent.click(screen.getAllByTestId('incident-member')[0] as HTMLElement);
    await waitFor(() => expect(screen.getByTestId('detail-incident').textContent).toMatch(/^S-120 QL51/), ready);
  });

  it('taken by somebody faster says who and since when; a second press takes over on purpose', async () => {
    await open('?state=flood');
    await press('i');
    await waitFor(() => expect(screen.getAllByTestId('incident-row').length).toBe(5), ready);
    await fireEvent.click(screen.getAllByTestId('incident-row').find((r) => r.dataset['incident'] === 'S-121') as HTMLElement);
    const { incidents } = (window as unknown as { FAKE: { incidents: Incident[] } }).FAKE;
    const one = incidents.find((i) => i.number === 121) as Incident; // Lan took it, and this page has not heard of it
    const took = { at_ms: one.opened_ms + 60_000, word: 'took', about: '', text: '', actor: 'lan', actor_display: 'Lan' } as const;
    Object.assign(one, { owner: 'lan', owner_display: 'Lan', timeline: [...one.timeline, took] });
    await fireEvent.click(screen.getByTestId('incident-take'));
    await waitFor(() => expect(screen.getByTestId('incident-problem').textContent).toMatch(/Lan nhanh hơn, lúc 16:13:00 \(cách đây .+\): đã có người phụ trách\. Vẫn muốn nhận thay/), ready);
    expect(screen.getByTestId('incident-take').textContent).toContain('nhận thay Lan');
    await fireEvent.click(screen.getByTestId('incident-take'));
    await waitFor(() => expect(screen.getByTestId('incident-owner').textContent).toBe('Minh'), ready);
    expect(asked().map((a) => (a as { expected_owner?: string }).expected_owner)).toEqual(['', 'lan']);
    expect(screen.queryByTestId('incident-problem')).toBeNull();
  });

  it('say numbers in lines about merging and splitting, and another incident where none is known', async () => {
    await open('?state=flood');
    const { incidents } = (window as unknown as { FAKE: { incidents: Incident[] } }).FAKE;
    const one = incidents.find((i) => i.number === 120) as Incident;
    const line = (word: string, about: string): object => ({ at_ms: one.opened_ms, word, about, text: '', actor: 'lan', actor_display: 'Lan' });
    const led = { ...line('merged', 'I-0c1deeee'), text: 'Minh' };
    Object.assign(one, { timeline: [line('opened', 'I-118'), line('merged', 'I-119'), led, line('split', 'I-0c1dffff')] });
    (incidents.find((i) => i.number === 119) as { state: string }).state = 'closed'; // merged: gone, and its number known from before
    (window as unknown as { SOCKET: { desk(): void } }).SOCKET.desk();
    await press('i');
    await waitFor(() => expect(screen.getByTestId('incident-timeline').textContent).toContain('Lan gộp: S-119'), ready);
    const lines = screen.getByTestId('incident-timeline').textContent ?? '';
    expect(lines).toContain('mở sự cố, tách từ S-118');
    expect(lines).toContain('Lan tách: một sự cố khác');
    expect(lines).toContain('Lan gộp: một sự cố khác, do Minh phụ trách');
    expect(lines).not.toContain('I-');
  });

  it('split off what was chosen', async () => {
    await open('?state=flood');
    await press('i');
    await waitFor(() => expect(screen.getAllByTestId('incident-select').length).toBe(9), ready);
    for (const box of screen.getAllByTestId('incident-select').slice(0, 2)) await fireEvent.click(box);
    await fireEvent.click(screen.getByTestId('incident-split'));
    await waitFor(() => expect(screen.getAllByTestId('incident-select').length).toBe(7), ready);
  });
});

describe('the handover of the shift', () => {
  it('shows five sections, takes a note and a signature, and says who signed', async () => {
    await open('?state=busy');
    await press('h');
    await waitFor(() => expect(screen.getByTestId('handover-state').textContent).toContain('bản nháp'), ready);
    expect(screen.getByTestId('handover-count-unacknowledged').textContent).toBe('7');
    expect(screen.getByTestId('handover-count-hidden').textContent).toBe('3, đã che 37');
    expect(screen.getByTestId('handover-due').textContent).toContain('22:10');
    const rows = screen.getAllByTestId('handover-suppressing').map((row) => row.textContent.replace(/\s+/g, ' ').trim());
    expect(rows).toEqual([
      'im lặng: Ùn tắc · Biên Hòa rào chắn thi công Minh hết hạn 18:30, đã che 7',
      'kế hoạch: Nguồn dữ liệu im lặng · Camera giao thông Bảo trì camera theo kế hoạch hết hạn 22:00, đã che 2',
    ]);
    expect(screen.getByTestId('handover-out').textContent).toContain('Đo mưa Long Khánh');
    expect(screen.getByTestId('handover-out').textContent).toContain('xem lại');
    expect(screen.getByTestId('handover').textContent).toContain('đã đóng 15:02');
    await fireEvent.input(screen.getByTestId('handover-note'), { target: { value: 'Gọi lại trạm bơm' } });
    await fireEvent.submit(screen.getByTestId('handover-note').closest('form') as HTMLFormElement);
    await waitFor(() => expect(screen.getAllByTestId('handover-said').length).toBe(2), ready);
    screen.getByTestId('handover-note').focus();
    await press('Enter', { ctrlKey: true }); // typed: no signature
    expect(screen.getByTestId('handover-state').textContent).toContain('bản nháp');
    screen.getByTestId('handover-note').blur();
    await waitFor(() => expect(screen.getByTestId<HTMLButtonElement>('handover-give').disabled).toBe(false), ready);
    await press('Enter', { ctrlKey: true });
    expect(screen.getByTestId('handover-give').textContent).toContain('chắc chắn ký giao?');
    await press('Enter', { ctrlKey: true });
    await waitFor(() => expect(screen.getByTestId('handover-state').textContent).toContain('chờ bên nhận ký'), ready);
    expect(screen.getByTestId('handover-given').textContent).toBe('Minh');
    expect(screen.queryByTestId('handover-take')).toBeNull(); // nobody signs both
  });

  it('of who is not on the roster needs the reason and two presses, and shows it beside the signature', async () => {
    await open('?state=busy');
    const page = window as unknown as { FAKE: { roster?: string[] }; SIGNED?: object[] };
    page.FAKE.roster = ['lan']; // the desk knows accounts that this page does not
    page.SIGNED = [];
    await press('h');
    await waitFor(() => expect(screen.getByTestId('handover-state').textContent).toContain('bản nháp'), ready);
    await sign();
    await waitFor(() => expect(screen.getByTestId('handover-standing').textContent).toContain('không có tên trong lịch trực của ca giao'), ready);
    const button = (): HTMLButtonElement => screen.getByTestId('handover-give');
    expect([button().disabled, button().textContent?.includes('ký thay bên giao')]).toEqual([true, true]);
    await fireEvent.input(screen.getByTestId('handover-reason'), { target: { value: ' Lan ốm ' } });
    await waitFor(() => expect(button().disabled).toBe(false), ready);
    await fireEvent.click(button());
    expect([button().textContent?.includes('chắc chắn'), page.SIGNED.length]).toEqual([true, 1]);
    await fireEvent.click(button());
    await waitFor(() => expect(screen.getByTestId('handover-stood-in').textContent).toBe('ký thay: Lan ốm'), ready);
    expect(page.SIGNED.at(-1)).toMatchObject({ op: 'give', standing_in: true, reason: 'Lan ốm' });
    expect(screen.queryByTestId('handover-standing')).toBeNull();
  });

  it('asks for the reason at once when the roster says so, and withdraws the question', async () => {
    await open('?state=busy');
    const page = window as unknown as { FAKE: { handover?: object }; SIGNED?: object[] };
    page.FAKE.handover = { outgoing_accounts: ['lan'] };
    page.SIGNED = [];
    await press('h');
    await waitFor(() => expect(screen.getByTestId('handover-state').textContent).toContain('bản nháp'), ready);
    await fireEvent.click(screen.getByTestId('handover-give'));
    await fireEvent.click(screen.getByTestId('handover-stand-off'));
    expect([screen.queryByTestId('handover-standing'), page.SIGNED]).toEqual([null, []]);
  });

  it('shows what happened after the lock apart, and says when it was made late or missed', async () => {
    await open('?state=busy');
    const page = window as unknown as { FAKE: { handover?: object; alerts: Map<string, { id: string }> } };
    const at = Date.UTC(2023, 8, 15, 15, 1);
    const [closed] = page.FAKE.alerts.keys();
    const items = [{ section: 'ended', alert_id: closed, rule: 'r', priority: 2, state: 'NORM', title_vi: 'Đã tạnh', title_en: 'Over', place_vi: '', place_en: '', centre: '', since_ms: at, owner: null, owner_display: null, until_ms: null, why: '', hid: 0 }];
    page.FAKE.handover = { state: 'missed', given: { actor: 'lan', actor_display: 'Lan', station: '', at_ms: at }, ended_ms: at + 3_600_000,
      addendum: { since_ms: at, at_ms: at + 60_000, raised: 3, ended: 1, counts: { ended: 1 }, items } };
    await press('h');
    await fireEvent.change(await screen.findByTestId('handover-choose'), { target: { value: 'H-shift-2' } });
    await waitFor(() => expect(screen.getByTestId('handover-addendum').textContent).toContain('Sau khi khóa, 22:01:00 đến 22:02:00'), ready);
    expect([screen.getByTestId('addendum-raised').textContent, screen.getByTestId('addendum-ended').textContent, screen.getByTestId('addendum-count-ended').textContent]).toEqual(['3', '1', '1']);
    expect(screen.getByTestId('handover-addendum').textContent).toContain('Đã đóng từ đó');
    const before = screen.getByTestId('handover-addendum').compareDocumentPosition(screen.getByTestId('handover-taken'));
    expect(before & Node.DOCUMENT_POSITION_FOLLOWING).toBeTruthy();
    expect(screen.getByTestId('handover-late').textContent).toContain('lập lúc 23:01:00');
    expect(screen.getByTestId('handover-state').textContent).toContain('bên giao đã ký, không ai nhận');
    expect(screen.getByTestId('handover-over').textContent).toContain('không còn ký được');
  });

  it('that changed after it was read is not signed: it says so and shows the new one', async () => {
    await open('?state=busy');
    await press('h');
    await waitFor(() => expect(screen.getByTestId('handover-count-unacknowledged').textContent).toBe('7'), ready);
    const fake = (window as unknown as { FAKE: { alerts: Map<string, { acked: boolean }> } }).FAKE;
    const first = [...fake.alerts.values()].find((a) => !a.acked);
    if (first) first.acked = true;
    await sign();
    await waitFor(() => expect(screen.getByTestId('handover-problem').textContent).toContain('đã thay đổi sau khi bạn đọc'), ready);
    expect(screen.getByTestId('handover-count-unacknowledged').textContent).toBe('6');
    await waitFor(() => expect(screen.getByTestId<HTMLButtonElement>('handover-give').disabled).toBe(false), ready);
    await sign();
    await waitFor(() => expect(screen.getByTestId('handover-given').textContent).toBe('Minh'), ready);
  });
});

describe('the quality of the alerts', () => {
  it('is shown for a span that can be chosen', async () => {
    await open('?state=flood');
    await press('l');
    await waitFor(() => expect(screen.getByTestId('quality-now').textContent).toBe('38,0'), ready);
    expect(screen.getByTestId('quality-p1').textContent?.replace(/\s+/g, ' ')).toContain('41 s');
    expect(screen.getAllByTestId('bad-actor')[0]?.textContent).toContain('Mưa lớn · Biên Hòa · Tam Hiệp');
    expect(screen.getByTestId('range-h24').getAttribute('aria-pressed')).toBe('true');
    const before = screen.getByTestId('quality-strip').querySelectorAll('rect').length;
    await fireEvent.click(screen.getByTestId('range-h8'));
    await waitFor(() => expect(screen.getByTestId('quality-strip').querySelectorAll('rect').length).toBeLessThan(before), ready);
  });
});
