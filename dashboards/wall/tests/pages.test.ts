/** The pages as a person meets them, with the stand-in for the gateway from dev/. */

import { cleanup, configure, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import Console from '../src/pages/Console.svelte';
import Wall from '../src/pages/Wall.svelte';

configure({ asyncUtilTimeout: 20_000 }); // a machine that is busy renders late

const SCRIPTS = ['story.js', 'story_desk.js', 'fake.js'].map((name) => readFileSync(`${import.meta.dirname}/../dev/${name}`, 'utf-8'));

function gateway(search: string): void {
  localStorage.clear();
  window.history.replaceState(null, '', `/console${search}`);
  for (const script of SCRIPTS) new Function(script)();
}

afterEach(cleanup);
const rows = (): HTMLElement[] => screen.getAllByTestId('queue-row');
const row = (text: string): HTMLElement => rows().find((r) => r.textContent?.includes(text)) as HTMLElement;
const press = (key: string): Promise<boolean> => fireEvent.keyDown(document.activeElement ?? document.body, { key });
const ready = { timeout: 20_000 };

describe('the console', () => {
  it('acknowledges by keyboard: sending at once, then who and when', async () => {
    gateway('?state=busy');
    render(Console);
    await waitFor(() => expect(rows().length).toBeGreaterThan(5), ready);
    await press('j');
    await waitFor(() => expect(screen.getByTestId('detail-title').textContent).toBe('Tai nạn, 2 người bị thương'));
    expect(document.activeElement).toBe(rows()[0]);
    await press('a');
    expect(rows()[0]?.dataset['state']).toBe('sending');
    await waitFor(() => expect(screen.getByTestId('outcome').dataset['outcome']).toBe('DONE'), ready);
    expect(screen.getByTestId('detail-acked-by').textContent).toMatch(/Minh tiếp nhận lúc \d\d:\d\d:\d\d/);
    expect(rows()[0]?.dataset['acked']).toBe('true'); // it stays where it was
  });

  it('tells who was faster, and lets that be put away', async () => {
    gateway('?state=busy&ack=conflict');
    render(Console);
    await waitFor(() => expect(row('trên BĐ2')).toBeTruthy(), ready);
    await fireEvent.click(row('trên BĐ2'));
    await fireEvent.click(screen.getByTestId('ack-button'));
    await waitFor(() => expect(screen.getByTestId('conflict').textContent).toMatch(/Lan đã tiếp nhận lúc \d\d:\d\d:\d\d/), ready);
    expect(screen.getByTestId('conflict').textContent).toContain('không được thực hiện: cảnh báo đã sang bản 3');
    await press('Enter');
    expect(screen.queryByTestId('conflict')).toBeNull();
  });

  it('asks before several alerts with a P1 among them are taken', async () => {
    gateway('?state=busy');
    render(Console);
    await waitFor(() => expect(rows().length).toBeGreaterThan(5), ready);
    for (const key of ['j', ' ', 'j', ' ', 'a']) await press(key);
    expect(within(screen.getByTestId('selection-bar')).getByRole('alert').textContent).toContain('2 cảnh báo, trong đó 2 P1');
    expect(rows().filter((r) => r.dataset['state'] === 'sending')).toEqual([]);
    await press('Enter');
    await waitFor(() => expect(rows().slice(0, 2).map((r) => r.dataset['acked'])).toEqual(['true', 'true']), ready);
  });

  it('does nothing with keys that are typed', async () => {
    gateway('?state=busy');
    render(Console);
    await waitFor(() => expect(rows().length).toBeGreaterThan(5), ready);
    await press('j');
    const search = screen.getByTestId<HTMLInputElement>('queue-search');
    search.focus();
    await fireEvent.keyDown(search, { key: 'a' });
    expect(rows()[0]?.dataset['state']).toBe('waiting');
    await fireEvent.input(search, { target: { value: 'ngap' } });
    await waitFor(() => expect(rows().every((r) => /ngập/i.test(r.textContent ?? ''))).toBe(true));
  });

  it('says that the history is away, and shows what it knows', async () => {
    gateway('?state=busy&log=503');
    render(Console);
    await waitFor(() => expect(rows().length).toBeGreaterThan(5), ready);
    await press('j');
    await waitFor(() => expect(screen.getByTestId('no-history').textContent).toContain('Lịch sử tạm thời không có'), ready);
    expect(screen.getByTestId('timeline').textContent).toContain('Phát sinh P1');
  });

  it('signs in: a wrong password is said, a right one opens the queue', async () => {
    gateway('?user=guest');
    render(Console);
    await waitFor(() => expect(screen.getByTestId('signin-user')).toBeTruthy(), ready);
    const fill = async (password: string): Promise<void> => {
      await fireEvent.input(screen.getByTestId('signin-user'), { target: { value: 'lan' } });
      await fireEvent.input(screen.getByTestId('signin-password'), { target: { value: password } });
      await fireEvent.submit(screen.getByTestId('signin-user').closest('form') as HTMLFormElement);
    };
    await fill('wrong');
    await waitFor(() => expect(screen.getByRole('alert').textContent).toBe('Tài khoản hoặc mật khẩu không đúng.'), ready);
    await fill('demo');
    await waitFor(() => expect(rows().length).toBeGreaterThan(5), ready);
  });
});

describe('the console, detail', () => {
  it('says why in words, and never a bare code', async () => {
    gateway('?state=busy');
    render(Console);
    await waitFor(() => expect(row('trên BĐ2')).toBeTruthy(), ready);
    await fireEvent.click(row('trên BĐ2'));
    expect(screen.getByTestId('detail-reason').textContent).toBe('đã tới ngưỡng');
  });

  it('shows CAP, guidance, the feed and its review; an alert that its centre explains asks nobody', async () => {
    gateway('?state=out');
    render(Console);
    await waitFor(() => expect(rows().length).toBe(3), ready);
    expect(rows().map((r) => r.dataset['state'])).toEqual(['waiting', 'muted', 'acked']);
    expect(screen.getByTestId('count-p3').textContent).toBe('1');
    await fireEvent.click(row('Luồng Không khí'));
    expect(screen.getByTestId('detail-cap').textContent).toMatch(/^\s*hạ tầng, môi trường · khẩn cấp: sớm, trong giờ tới · mức độ: nhẹ · độ chắc: đã quan sát\s*$/);
    expect(screen.getByTestId('detail-feed').textContent).toMatch(/ngừng hoạt động · xem lại ngày \d\d\/\d\d\/\d{4}\s+· [\d.]+\/[\d.]+ bản tin trong 1 giờ/);
    expect(screen.getByText('Gọi trực kỹ thuật của trung tâm.')).toBeTruthy();
    await fireEvent.click(row('Luồng Mưa'));
    expect(screen.getByTestId('detail-muted').textContent).toBe('không hỏi ai: cả trung tâm im lặng (A-00000000041303b6)');
    expect(screen.queryByTestId('detail-cap')).toBeNull();
  });

  it('shelves with a reason, lists it apart with the time that remains, and takes it back', async () => {
    gateway('?state=busy');
    const page = window as unknown as { GIVEN?: Record<string, unknown>[] };
    page.GIVEN = [];
    render(Console);
    await waitFor(() => expect(row('trên BĐ2')).toBeTruthy(), ready);
    await fireEvent.click(row('trên BĐ2'));
    await fireEvent.click(screen.getByTestId('do-shelve'));
    await fireEvent.change(screen.getByTestId('shelf-length'), { target: { value: '3600' } });
    await fireEvent.input(screen.getByTestId('action-text'), { target: { value: 'đang sửa cảm biến' } });
    await fireEvent.submit(screen.getByTestId('action-form'));
    expect(row('trên BĐ2').dataset['state']).toBe('sending');
    await waitFor(() => expect(screen.getByTestId('outcome').textContent).toMatch(/Đã làm lúc .*: tạm gác/), ready);
    expect(page.GIVEN).toMatchObject([{ op: 'shelve', reason: 'đang sửa cảm biến', for_s: 3600 }]);
    expect(screen.getByTestId('detail-hidden').textContent).toMatch(/Minh tạm gác .*, đến .*đang sửa cảm biến/);
    expect(screen.queryByTestId('ack-button')).toBeNull();
    await fireEvent.click(screen.getByTestId('tab-hidden'));
    await waitFor(() => expect(rows()).toHaveLength(1), ready);
    expect(rows()[0]?.dataset['state']).toBe('hidden');
    expect(rows()[0]?.textContent).toMatch(/còn (59:|1 g)/);
    await fireEvent.click(screen.getByTestId('do-unshelve'));
    await waitFor(() => expect(screen.getByTestId('tab-hidden').textContent).toMatch(/0$/), ready);
  });

  it('takes, sends an agency and closes with a result; Escape puts a form away', async () => {
    gateway('?state=busy');
    const page = window as unknown as { GIVEN?: Record<string, unknown>[] };
    page.GIVEN = [];
    render(Console);
    await waitFor(() => expect(row('trên BĐ2')).toBeTruthy(), ready);
    await fireEvent.click(row('trên BĐ2'));
    await fireEvent.click(screen.getByTestId('do-take'));
    await waitFor(() => expect(screen.getByTestId('detail-owner').textContent).toBe('Minh'), ready);
    await press('d');
    expect(document.activeElement).toBe(screen.getByTestId('agency'));
    await press('Escape');
    expect(document.activeElement).not.toBe(screen.getByTestId('agency')); // the field first, then the form
    await press('Escape');
    expect(screen.queryByTestId('action-form')).toBeNull();
    await fireEvent.click(screen.getByTestId('do-dispatch'));
    await fireEvent.submit(screen.getByTestId('action-form'));
    await waitFor(() => expect(screen.getByTestId('detail-owner').textContent).toContain('Cảnh sát PCCC và CNCH 114'), ready);
    await fireEvent.click(screen.getByTestId('do-close'));
    await fireEvent.change(screen.getByTestId('result'), { target: { value: 'false_alarm' } });
    await fireEvent.submit(screen.getByTestId('action-form'));
    await waitFor(() => expect(screen.getByTestId('detail-result').textContent).toContain('báo nhầm'), ready);
    expect(page.GIVEN.map((frame) => frame['op'])).toEqual(['take', 'dispatch', 'close']);
    expect(page.GIVEN[1]).toMatchObject({ agency: '114' });
    expect(page.GIVEN[2]).toMatchObject({ result: 'false_alarm' });
  });

  it('leaves it to the person when to take a new build', async () => {
    gateway('?state=busy');
    render(Console);
    await waitFor(() => expect(rows().length).toBeGreaterThan(5), ready);
    expect(screen.queryByTestId('new-build')).toBeNull();
    const page = window as unknown as { BUILD?: string; SOCKET: WebSocket };
    page.BUILD = 'newer';
    page.SOCKET.close(1001);
    await waitFor(() => expect(screen.getByTestId('new-build')).toBeTruthy(), { timeout: 5_000 });
    delete page.BUILD;
  });
});

describe('the wall in a flood', () => {
  interface Fake { readonly state: { flood: { since: string | null } } }
  const fake = (): Fake => (window as unknown as { FAKE: Fake }).FAKE;
  const tell = (): void => (window as unknown as { SOCKET: { desk(): void } }).SOCKET.desk();

  it('shows incidents with counts and owner, single alerts as a number, and as before when it ends', async () => {
    gateway('?state=flood');
    render(Wall);
    await waitFor(() => expect(screen.getAllByTestId('incident-card').map((c) => c.dataset['incident'])).toEqual(['S-120', 'S-118', 'S-119']), ready);
    const [road] = screen.getAllByTestId('incident-card');
    expect(road?.textContent).toContain('Minh');
    expect(within(road as HTMLElement).getAllByTestId('incident-count').map((c) => c.textContent?.replace(/\s/g, ''))).toEqual(['11+1', '21+1', '33+2']);
    expect(screen.getByTestId('flood').textContent).toBe('BÃO CẢNH BÁO');
    expect(screen.getByTestId('wall-mode').textContent).toMatch(/38 mới trong 10 phút \(ngưỡng 10\).*27 không phát tiếng, 0 bị bỏ/);
    expect(screen.getByTestId('flood-singles').textContent).toBe('4');
    const rest = screen.getByTestId('flood-rest'); // the narrow card says how urgent it is as well
    expect([rest.querySelector('[data-priority]')?.getAttribute('data-priority'), rest.querySelector('[data-priority]')?.getAttribute('data-acked')]).toEqual(['3', 'false']);
    expect(screen.queryAllByTestId('alert-card')).toEqual([]);
    fake().state.flood.since = null;
    tell();
    await waitFor(() => expect(screen.queryByTestId('flood')).toBeNull(), ready);
    expect(screen.queryAllByTestId('incident-card')).toEqual([]);
    expect(screen.getAllByTestId('alert-card').length).toBe(3);
    expect(screen.getAllByTestId('alert-card')[0]?.textContent).toMatch(/S-1(18|20) · /);
  });
});

describe('the wall', () => {
  it('shows counters, marks with their state, and values against limits', async () => {
    gateway('?state=busy');
    render(Wall);
    await waitFor(() => expect(screen.getByTestId('wall-mode').dataset['mode']).toBe('live'), ready);
    await waitFor(() => expect(screen.getByTestId('count-p1').textContent).toBe('2'), ready);
    expect(screen.getByTestId('matrix-river-bien-hoa').querySelectorAll("[data-priority='2'][data-acked='false']")).toHaveLength(1);
    expect(screen.getByTestId('river-BIENHOA').textContent).toContain('2,05');
    expect(screen.getAllByTestId('alert-card')).toHaveLength(3);
    expect(screen.getByTestId('map-area-731').dataset['state']).toBe('waiting');
    expect(screen.getByTestId('feed-bien-hoa-hydro').dataset['state']).toBe('on_time');
    expect(document.body.textContent).toContain('MÔ PHỎNG');
  });

  it('shows the clock of the server, and the day before it was opened', async () => {
    gateway('?state=busy');
    const { container } = render(Wall);
    await waitFor(() => expect(container.querySelector('.clock')?.textContent).toMatch(/^16:04:\d\d$/), ready); // it is another year here
    const unknown = (): number[] => [...container.querySelectorAll('#mat .st svg rect[opacity]')].map((r) => Number(r.getAttribute('width')) / 188);
    await waitFor(() => expect(unknown()[0]).toBeCloseTo(4 / 24, 2), ready); // recorded since 20 h ago
    expect(unknown()).toHaveLength(10);
  });

  it('is loaded anew when another build answers after a reconnect', async () => {
    gateway('?state=busy');
    const reload = vi.spyOn(window.location, 'reload').mockImplementation(() => undefined);
    render(Wall);
    await waitFor(() => expect(screen.getByTestId('wall-mode').dataset['mode']).toBe('live'), ready);
    const page = window as unknown as { BUILD?: string; SOCKET: WebSocket };
    page.BUILD = 'newer';
    page.SOCKET.close(1001);
    await waitFor(() => expect(reload).toHaveBeenCalled(), { timeout: 12_000, interval: 200 });
    delete page.BUILD;
  }, 60_000);

  it('says when somebody should look at a feed that is out of service, and marks what is overdue', async () => {
    gateway('?state=out');
    render(Wall);
    await waitFor(() => expect(screen.getByTestId('feed-bien-hoa-air').textContent).toMatch(/xem \d\d\/\d\d/), ready);
    expect(screen.getByTestId('feed-bien-hoa-air').dataset['overdue']).toBe('false');
    expect(screen.getByTestId('feed-tinh-kpi').textContent).toMatch(/quá \d\d\/\d\d/);
    expect(screen.getByTestId('feed-tinh-kpi').dataset['overdue']).toBe('true');
    expect(screen.getByTestId('feed-tinh-kpi').title).toMatch(/bản tin trong 1 giờ · quá hạn xem lại từ \d\d\/\d\d\/\d{4}$/);
  });

  it('never looks calm where it is blind', async () => {
    gateway('?state=silent');
    render(Wall);
    await waitFor(() => expect(screen.getByTestId('map-area-732').dataset['state']).toBe('blind'), ready);
    expect(screen.getByTestId('matrix-rain-long-khanh').textContent?.trim()).toBe('?');
    expect(screen.getByTestId('feed-long-khanh-rain').dataset['state']).toBe('silent');
    expect(document.body.textContent).toContain('không có Long Khánh từ 13:55');
  });
});
