/** The few questions that pages ask over HTTP. Answers are values; a refusal is a value too, never an exception. */

import type { Profile } from '../model/profile';
import type { QualityAnswer } from '../model/quality';
import type { Matcher, Silence } from '../model/silences';
import type { Handover, HandoverAsked } from '../model/handover';
import type { IncidentAsked } from '../model/incident_list';
import type { LogEntry, PastAlerts, User } from '../model/wire';
import type { DeskAnswer, DeskLate } from '../model/wire_desk';

/** Longest wait for any answer. */
export const TIMEOUT_MS = 10_000;

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  /** `status` 0: nobody answered. */
  | { readonly ok: false; readonly status: number; readonly error: string; readonly detail?: string;
    /** Of `stale`: who was faster. */
    readonly late?: DeskLate };

export interface Ticket {
  readonly ticket: string;
  readonly live_url: string;
  readonly expires_s: number;
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
  const init: RequestInit = { method, credentials: 'same-origin', signal: AbortSignal.timeout(TIMEOUT_MS) };
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, init);
    const text = await response.text();
    const value: unknown = text ? JSON.parse(text) : null;
    if (response.ok) return { ok: true, value: value as T };
    const named = typeof value === 'object' && value !== null && 'error' in value ? String(value.error) : '';
    const detail = typeof value === 'object' && value !== null && 'detail' in value ? String(value.detail) : '';
    const late = named === 'stale' && response.status === 409 ? { late: value as DeskLate } : {};
    return { ok: false, status: response.status, error: named, detail, ...late };
  } catch (error) {
    return { ok: false, status: 0, error: error instanceof Error ? error.message : String(error) };
  }
}

export const session = (): Promise<Answer<{ user: User }>> => ask('GET', '/api/session');
export const signIn = (user: string, password: string): Promise<Answer<{ user: User }>> =>
  ask('POST', '/api/session', { user, password });
export const signOut = (): Promise<Answer<null>> => ask('DELETE', '/api/session');
/** A ticket for the live connection; `wall` asks for a viewer's ticket where the installation has an open wall. */
export const ticket = (wall: boolean): Promise<Answer<Ticket>> => ask('POST', '/api/ticket', wall ? { wall } : {});
export const profile = (): Promise<Answer<Profile>> => ask('GET', '/api/profile');
/** Silences that run, and those that ended within a day. */
export const silences = (): Promise<Answer<{ silences: readonly Silence[] }>> => ask('GET', '/api/desk/silences');
/** The same `command_id` again is the same silence. */
export const makeSilence = (asked: { command_id: string; matcher: Matcher; reason: string; for_s: number }): Promise<Answer<DeskAnswer>> =>
  ask('POST', '/api/desk/silences', asked);
export const endSilence = (id: string, command_id: string): Promise<Answer<DeskAnswer>> =>
  ask('DELETE', `/api/desk/silences/${encodeURIComponent(id)}?command_id=${encodeURIComponent(command_id)}`);
/** The same `command_id` again has one effect. */
export const commandIncident = (id: string, asked: IncidentAsked & { command_id: string }): Promise<Answer<DeskAnswer>> =>
  ask('POST', `/api/desk/incidents/${encodeURIComponent(id)}`, asked);
/** Handovers of the shifts: those that wait for signatures, and the last ones. */
export const handovers = (): Promise<Answer<{ handovers: readonly Handover[] }>> => ask('GET', '/api/desk/handovers');
export const commandHandover = (id: string, asked: HandoverAsked & { command_id: string }): Promise<Answer<DeskAnswer>> =>
  ask('POST', `/api/desk/handovers/${encodeURIComponent(id)}`, asked);
/** Figures of a stretch of server time, at most seven days; rates are per operator position. */
export const quality = (from_ms: number, to_ms: number, positions: number): Promise<Answer<QualityAnswer>> =>
  ask('GET', `/api/quality?from_ms=${Math.floor(from_ms)}&to_ms=${Math.floor(to_ms)}&positions=${positions}`);
export const alertLog = (alert_id: string): Promise<Answer<{ entries: readonly LogEntry[] }>> =>
  ask('GET', `/api/alerts/${encodeURIComponent(alert_id)}/log`);
/** What was raised in a stretch of server time, at most seven days, and of which parts of it anything is known. */
export const pastAlerts = (from_ms: number, to_ms: number): Promise<Answer<PastAlerts>> =>
  ask('GET', `/api/alerts?from_ms=${Math.floor(from_ms)}&to_ms=${Math.ceil(to_ms)}`);
