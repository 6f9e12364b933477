/** The one file that owns the WebSocket. It performs the actions of the link's machine and feeds frames to the page. */

import * as http from './http';
import { IDLE, step, type Link, type LinkAction, type LinkEvent } from './machine';
import { parseFrame, type ClientFrame, type ServerFrame, type Since } from '../model/wire';

export interface LiveHandlers {
  /** Page clock, monotonic milliseconds. */
  now(): number;
  random(): number;
  /** Takes a frame into the picture; tells whether it is complete now, and whether it broke. */
  take(frame: ServerFrame): { readonly synced: boolean; readonly broken: boolean };
  /** The position of the picture held, null when there is none. */
  since(): Since | null;
  changed(link: Link): void;
}

export class LiveLink {
  link: Link = IDLE;
  #socket: WebSocket | null = null;
  readonly #handlers: LiveHandlers;
  readonly #wall: boolean;

  constructor(handlers: LiveHandlers, wall: boolean) {
    this.#handlers = handlers;
    this.#wall = wall;
  }

  start(): void {
    this.#step({ kind: 'start' });
  }

  /** To be called about once a second: retries, gives up, notices silence. */
  tick(): void {
    this.#step({ kind: 'tick' });
  }

  /** Sends a frame when the connection is live; false means: not sent. */
  send(frame: ClientFrame): boolean {
    if (this.link.phase !== 'live' || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Ends the connection for good, for instance after signing out. */
  stop(): void {
    this.link = IDLE;
    this.#drop(1000);
    this.#handlers.changed(this.link);
  }

  #step(event: LinkEvent): void {
    const { link, actions } = step(this.link, event, this.#handlers.now(), this.#handlers.random());
    const moved = link !== this.link;
    this.link = link;
    if (moved) this.#handlers.changed(link);
    for (const action of actions) this.#perform(action);
  }

  #perform(action: LinkAction): void {
    switch (action.do) {
      case 'fetch_ticket':
        void this.#fetchTicket();
        return;
      case 'open':
        this.#open(action.url);
        return;
      case 'send':
        this.#socket?.send(JSON.stringify(action.frame));
        return;
      case 'close':
        this.#drop(action.code);
    }
  }

  async #fetchTicket(): Promise<void> {
    const answer = await http.ticket(this.#wall);
    if (answer.ok) this.#step({ kind: 'ticket', ticket: answer.value.ticket, url: answer.value.live_url });
    else if (answer.status === 401 || answer.status === 403) this.#step({ kind: 'ticket_refused' });
    else this.#step({ kind: 'ticket_failed', why: answer.error || `HTTP ${answer.status}` });
  }

  #open(url: string): void {
    this.#drop(1000);
    let socket: WebSocket;
    try {
      socket = new WebSocket(url);
    } catch { // an address that is none: the same as a server that is not there
      this.#step({ kind: 'closed', code: 1006 });
      return;
    }
    this.#socket = socket;
    const current = (): boolean => this.#socket === socket;
    socket.onopen = () => { if (current()) this.#step({ kind: 'open' }); };
    socket.onmessage = (message: MessageEvent<unknown>) => { if (current()) this.#onMessage(message.data); };
    socket.onclose = (event) => {
      if (!current()) return;
      this.#socket = null;
      this.#step({ kind: 'closed', code: event.code });
    };
  }

  #onMessage(data: unknown): void {
    const frame = typeof data === 'string' ? parseFrame(data) : null;
    if (!frame) return;
    const since = this.#handlers.since();
    const { synced, broken } = this.#handlers.take(frame);
    this.#step(broken ? { kind: 'desync' } : { kind: 'frame', frame, synced, since });
  }

  /** Lets go of the socket first, so that its late events cannot reach the machine. */
  #drop(code: number): void {
    const socket = this.#socket;
    this.#socket = null;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(code);
  }
}
