/**
 * Reads the log of the alert that is open in the console, and reads it again while it may be behind.
 *
 * The recorder writes a moment after the fact. A change of the alert is therefore asked about after `DEBOUNCE_MS`, and
 * again with growing waits until the log tells what the alert itself already says. One question is under way at most.
 */

import type { Answer } from './http';
import { logIsBehind } from '../model/timeline';
import type { Alert, LogEntry } from '../model/wire';

/** Shortest time between a change and the question about it: a burst of changes is one question. */
export const DEBOUNCE_MS = 1_000;
export const AGAIN_FIRST_MS = 1_000;
/** Longest wait while the log is behind or away; it is asked for as long as the alert is open. */
export const AGAIN_MAX_MS = 30_000;

export interface LogView {
  readonly alert_id: string;
  /** null: nothing was ever read of this alert. */
  readonly entries: readonly LogEntry[] | null;
  /** The last question was not answered. */
  readonly failed: boolean;
}

type Ask = (alert_id: string) => Promise<Answer<{ entries: readonly LogEntry[] }>>;
type Show = (view: LogView) => void;

export class LogReader {
  readonly #ask: Ask;
  readonly #show: Show;
  #alert: Alert | null = null;
  /** What the last question was about; another value is a reason to ask anew. */
  #about = '';
  #view: LogView = { alert_id: '', entries: null, failed: false };
  #busy = false;
  #again = false;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(ask: Ask, show: Show) {
    this.#ask = ask;
    this.#show = show;
  }

  /** The alert as it is now; `answers` counts the answered commands of this page, which the log tells as well. */
  look(alert: Alert, answers: number): void {
    const other = alert.id !== this.#alert?.id;
    const about = `${alert.id} ${alert.version} ${answers}`;
    this.#alert = alert;
    if (!other && about === this.#about) return;
    this.#about = about;
    this.#attempts = 0;
    if (other) {
      this.#put({ alert_id: alert.id, entries: null, failed: false });
      this.#schedule(0);
    } else this.#schedule(DEBOUNCE_MS);
  }

  /** Asks at once, because somebody pressed the button. */
  retry(): void {
    this.#attempts = 0;
    this.#schedule(0);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#alert = null;
    this.#about = '';
  }

  #schedule(wait_ms: number): void {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), wait_ms);
  }

  async #read(): Promise<void> {
    this.#timer = null;
    const asked = this.#alert;
    if (!asked) return;
    this.#busy = true;
    const answer = await this.#ask(asked.id);
    this.#busy = false;
    const again = this.#again;
    this.#again = false;
    const alert = this.#alert;
    if (!alert) return;
    if (alert.id !== asked.id) {
      this.#schedule(0);
      return;
    }
    this.#put({ alert_id: asked.id, entries: answer.ok ? answer.value.entries : this.#view.entries, failed: !answer.ok });
    if (again) this.#schedule(DEBOUNCE_MS);
    else if (!answer.ok || logIsBehind(alert, answer.value.entries)) {
      this.#schedule(Math.min(AGAIN_MAX_MS, AGAIN_FIRST_MS * 2 ** Math.min(this.#attempts, 16)));
      this.#attempts += 1;
    }
  }

  #put(view: LogView): void {
    this.#view = view;
    this.#show(view);
  }
}
