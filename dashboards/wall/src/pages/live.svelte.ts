/**
 * What a page knows and does: the picture, the link, the commands on their way, the profile, and the page's clock.
 * Panels read it; nothing else changes it.
 */

import { pageNow } from '../lib/clock';
import { uuid } from '../lib/uuid';
import * as http from '../link/http';
import { LiveLink } from '../link/live';
import { IDLE, standing, type Link, type Standing } from '../link/machine';
import { commandFrame, due, give, NO_COMMANDS, promote, settle, unsend, type Commands, type Fields } from '../model/commands';
import { EMPTY, serverTime, type Picture } from '../model/picture';
import type { Profile } from '../model/profile';
import { askedStretch, withPast } from '../model/past';
import { reduce } from '../model/reduce';
import type { Alert, Op, ServerFrame, User } from '../model/wire';

/** A burst of frames becomes one redraw: frames are folded at once, panels see the picture this much later. */
const REDRAW_MS = 100;
/** How often the page looks at its clock; the shown second changes at most once a second. */
const TICK_MS = 200;
/** A profile that could not be fetched is asked for again after this time. */
const PROFILE_RETRY_MS = 5_000;

/** The past that could not be fetched is asked for again after this time, doubled up to eight times as long. */
const PAST_RETRY_MS = 5_000;

export class Live {
  picture: Picture = $state.raw(EMPTY);
  link: Link = $state.raw(IDLE);
  commands: Commands = $state.raw(NO_COMMANDS);
  profile: Profile | null = $state.raw(null);
  user: User | null = $state.raw(null);
  /** The gateway runs another build than the one this page came from: the page should be loaded anew. */
  outdated: boolean = $state(false);
  /** Page clock, milliseconds; moves when the shown second of the server's clock does. */
  page_ms: number = $state(pageNow());

  #picture: Picture = EMPTY;
  #redraw: ReturnType<typeof setTimeout> | null = null;
  #profileAsked = 0;
  #profileBusy = false;
  #build: string | null = null;
  #pastBusy = false;
  /** When the past is due to be asked for, page clock; null: it is known. */
  #pastDue: number | null = null;
  #pastFailed = 0;
  readonly #link: LiveLink;

  constructor(wall: boolean) {
    this.#link = new LiveLink({
      now: pageNow,
      random: Math.random,
      take: (frame) => this.#take(frame),
      since: () => this.#since(),
      changed: (link) => this.#linkChanged(link),
    }, wall);
  }

  /** Server time now. */
  get server_ms(): number {
    return serverTime(this.picture, this.page_ms);
  }

  get standing(): Standing {
    return standing(this.link, this.picture.beat?.lag_s ?? null, this.page_ms);
  }

  /** Server time of which the picture is: now, or when the link was lost the moment it was last the present. */
  get picture_ms(): number {
    const fresh = this.link.fresh_ms;
    return this.standing.mode === 'offline' && fresh !== null ? serverTime(this.picture, fresh) : this.server_ms;
  }

  /** Starts the clock, and the link unless somebody has to sign in first; the answer stops both. */
  start(connect = true): () => void {
    const timer = setInterval(() => this.#tick(), TICK_MS);
    if (connect) this.connect();
    return () => {
      clearInterval(timer);
      this.#link.stop();
    };
  }

  connect(): void {
    this.#link.start();
    void this.#loadProfile();
  }

  disconnect(): void {
    this.#link.stop();
    this.#picture = EMPTY;
    this.picture = EMPTY;
    this.commands = NO_COMMANDS;
  }

  /**
   * Gives an acknowledgement; false when too many commands wait already, or another one to the alert does. One
   * acknowledgement on its way is enough; asked for by itself it goes before those of a `bulk`.
   */
  acknowledge(alert: Alert, note: string | null, bulk = false): boolean {
    if (!this.commands.pending.some((p) => p.frame.alert_id === alert.id && p.frame.op === 'ack')) return this.command(alert, 'ack', { note }, bulk);
    if (!bulk) this.commands = promote(this.commands, alert.id);
    this.#sendDue();
    return true;
  }

  /** Gives a command; false when too many wait already, or one to the same alert does. */
  command(alert: Alert, op: Op, fields: Fields, bulk = false): boolean {
    const need = { priority: alert.priority, bulk };
    const next = give(this.commands, commandFrame(alert, op, uuid(), fields), serverTime(this.#picture, pageNow()), need);
    if (!next) return false;
    this.commands = next;
    this.#sendDue();
    return true;
  }

  #sendDue(): void {
    if (this.link.phase !== 'live') return;
    const { commands, frames } = due(this.commands, pageNow());
    if (frames.length === 0) return;
    this.commands = frames.every((frame) => this.#link.send(frame)) ? commands : this.commands;
  }

  #take(frame: ServerFrame): { synced: boolean; broken: boolean } {
    this.#picture = reduce(this.#picture, frame, pageNow());
    if (frame.t === 'outcome') this.commands = settle(this.commands, frame);
    if (frame.t === 'hello') {
      this.user = frame.user;
      this.#build ??= frame.build;
      this.outdated = frame.build !== this.#build;
      void this.#loadProfile();
    }
    const broken = this.#picture.sync === 'broken';
    // A broken picture keeps what it had: the resume continues from its position, or a snapshot renews everything.
    if (broken) this.#picture = { ...this.#picture, sync: this.#picture.pos === null ? 'empty' : 'live', suspect: null };
    // An answer is shown at once and together with its alert: a row must not look untouched in between.
    if (frame.t === 'outcome') this.#show();
    else this.#redraw ??= setTimeout(() => this.#show(), REDRAW_MS);
    return { synced: !broken && this.#picture.sync === 'live', broken };
  }

  #show(): void {
    if (this.#redraw !== null) clearTimeout(this.#redraw);
    this.#redraw = null;
    this.picture = this.#picture;
  }

  #since(): { epoch: string; pos: string } | null {
    const { epoch, pos } = this.#picture;
    return epoch !== null && pos !== null ? { epoch, pos } : null;
  }

  #linkChanged(link: Link): void {
    const was = this.link.phase;
    this.link = link;
    if (link.phase !== 'live' && was === 'live') this.commands = unsend(this.commands);
    if (link.phase === 'live' && was !== 'live') {
      this.#sendDue();
      this.#pastFailed = 0;
      this.#pastDue = pageNow();
    }
  }

  #tick(): void {
    const now = pageNow();
    const second = Math.floor(serverTime(this.#picture, now) / 1000);
    this.#link.tick();
    if (second === Math.floor(serverTime(this.picture, this.page_ms) / 1000)) return;
    this.page_ms = now;
    this.#sendDue();
    if (this.#pastDue !== null && now >= this.#pastDue && this.link.phase === 'live') void this.#loadPast();
    if (this.profile === null && this.link.phase !== 'idle' && now - this.#profileAsked > PROFILE_RETRY_MS) void this.#loadProfile();
  }

  async #loadProfile(): Promise<void> {
    if (this.#profileBusy) return;
    this.#profileBusy = true;
    this.#profileAsked = pageNow();
    const answer = await http.profile();
    this.#profileBusy = false;
    if (answer.ok) this.profile = answer.value;
  }

  /** What was before this connection: the strip of the day needs it, and nothing waits for it. */
  async #loadPast(): Promise<void> {
    if (this.#pastBusy) return;
    this.#pastBusy = true;
    const { from_ms, to_ms } = askedStretch(this.#picture, pageNow());
    const answer = await http.pastAlerts(from_ms, to_ms);
    this.#pastBusy = false;
    if (answer.ok) {
      this.#pastDue = null;
      this.#picture = withPast(this.#picture, answer.value);
      this.#show();
    } else {
      this.#pastDue = pageNow() + PAST_RETRY_MS * 2 ** Math.min(this.#pastFailed, 3);
      this.#pastFailed += 1;
    }
  }
}
