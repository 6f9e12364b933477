/** The drafts and open commands of one person at one console; panels come and go, this stays until they sign out. */

import { uuid } from '../lib/uuid';
import { begin, draftOf, NO_DRAFTS, settleDraft, unanswered, write, type Drafts } from '../model/drafts';

export class DraftBook {
  #drafts: Drafts = $state.raw(NO_DRAFTS);

  text(place: string): string {
    return draftOf(this.#drafts, place);
  }

  write(place: string, text: string): void {
    this.#drafts = write(this.#drafts, place, text);
  }

  /** A text has gone out: it is no draft any more, unless something else stands there by now. */
  sent(place: string, text: string): void {
    if (this.text(place).trim() === text.trim()) this.write(place, '');
  }

  /** Id of a command that is about to be sent; a repeat of one that nobody answered has its id. */
  begin(place: string, asked: unknown): string {
    const { drafts, command_id } = begin(this.#drafts, place, JSON.stringify(asked), uuid);
    this.#drafts = drafts;
    return command_id;
  }

  settle(command_id: string): void {
    this.#drafts = settleDraft(this.#drafts, command_id);
  }

  /** What was asked of a place and has no answer, as it was given to `begin`. */
  unanswered<T>(place: string): T[] {
    return unanswered(this.#drafts, place).map((what) => JSON.parse(what) as T);
  }
}
