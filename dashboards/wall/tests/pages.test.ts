/** The pages as a person meets them, with the stand-in for the gateway from dev/. */

import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import Console from '../src/pages/Console.svelte';
import Wall from '../src/pages/Wall.svelte';

const SCRIPTS = ['story.js', 'fake.js'].map((name) => readFileSync(`${import.meta.dirname}/../dev/${name}`, 'utf-8'));

function gateway(search: string): void {
  localStorage.clear();
  window.history.replaceState(null, '', `/console${search}`);
  for (const script of SCRIPTS) new Function(script)();
}

afterEach(cleanup);
const rows = (): HTMLElement[] => screen.getAllByTestId('queue-row');
const row = (text: string): HTMLElement => rows().find((r) => r.textContent?.includes(text)) as HTMLElement;
const press = (key: string): Promise<boolean> => fireEvent.keyDown(document.activeElement ?? document.body, { key });
const ready = { timeout: 3_000 };

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
  }, 15_000);

  it('never looks calm where it is blind', async () => {
    gateway('?state=silent');
    render(Wall);
    await waitFor(() => expect(screen.getByTestId('map-area-732').dataset['state']).toBe('blind'), ready);
    expect(screen.getByTestId('matrix-rain-long-khanh').textContent?.trim()).toBe('?');
    expect(screen.getByTestId('feed-long-khanh-rain').dataset['state']).toBe('silent');
    expect(document.body.textContent).toContain('không có Long Khánh từ 13:55');
  });
});
