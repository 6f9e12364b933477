/** What each close code of `/live` asks of the page: one row per code. Any other code means: try again. */

export type Answer =
  /** Try again after the usual wait, and resume from the position held. */
  | 'resume'
  /** The position held is of no use: try again and take a fresh snapshot. */
  | 'restart'
  /** The session is over: ask for a ticket, and for a sign-in when that is refused. */
  | 'sign_in'
  /** Trying again cannot help; say so. */
  | 'stop';

export interface CloseCode {
  readonly name: string;
  readonly answer: Answer;
  /** Shortest wait before the next attempt, milliseconds, when the server asks for room. */
  readonly least_ms?: number;
}

export const CLOSE_CODES: Readonly<Record<number, CloseCode>> = {
  1000: { name: 'closed', answer: 'resume' },
  1001: { name: 'server restarts', answer: 'resume' },
  1003: { name: 'this page speaks another protocol', answer: 'stop' },
  1006: { name: 'connection lost', answer: 'resume' },
  1011: { name: 'server error', answer: 'resume' },
  1013: { name: 'server is full', answer: 'resume', least_ms: 5_000 },
  4000: { name: 'no heartbeat', answer: 'resume' },
  4008: { name: 'this page was too slow', answer: 'resume' },
  4010: { name: 'state is not sufficient', answer: 'restart' },
  4401: { name: 'not signed in', answer: 'sign_in' },
  4403: { name: 'account changed', answer: 'sign_in' },
  4409: { name: 'session expired', answer: 'sign_in' },
  4429: { name: 'too many frames', answer: 'resume', least_ms: 60_000 },
};

const ANY_OTHER: CloseCode = { name: 'closed', answer: 'resume' };

export function closeCode(code: number): CloseCode {
  return CLOSE_CODES[code] ?? { ...ANY_OTHER, name: `code ${code}` };
}
