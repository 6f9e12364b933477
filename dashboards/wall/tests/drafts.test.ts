import { describe, expect, it } from 'vitest';
import { begin, DRAFTS_MAX, draftOf, NO_DRAFTS, OPEN_MAX, settleDraft, unanswered, write, type Drafts } from '../src/model/drafts';
import { randomFrom } from './build';

describe('a draft', () => {
  it('is kept by its place until it is emptied', () => {
    const drafts = write(write(NO_DRAFTS, 'incident/I-1', 'Gọi trạm bơm'), 'handover/H-1', 'x');
    expect([draftOf(drafts, 'incident/I-1'), draftOf(drafts, 'incident/I-2')]).toEqual(['Gọi trạm bơm', '']);
    expect(draftOf(write(drafts, 'incident/I-1', ''), 'incident/I-1')).toBe('');
    expect(write(drafts, 'incident/I-1', '').texts.size).toBe(1);
  });
  it('does not grow without bound: what was written longest ago goes', () => {
    let drafts = write(NO_DRAFTS, 'old', 'a');
    for (let i = 0; i < DRAFTS_MAX; i += 1) drafts = write(drafts, `p${i}`, 'a');
    expect([drafts.texts.size, draftOf(drafts, 'old'), draftOf(drafts, 'p0')]).toEqual([DRAFTS_MAX, '', 'a']);
  });
});

describe('a command to the desk', () => {
  it('keeps its id until it is answered, whatever is asked in between', () => {
    let n = 0;
    const make = (): string => `c${(n += 1)}`;
    const first = begin(NO_DRAFTS, 'incident/I-1', '{"op":"take"}', make);
    const other = begin(first.drafts, 'incident/I-1', '{"op":"note","text":"x"}', make);
    const again = begin(other.drafts, 'incident/I-1', '{"op":"take"}', make);
    expect([first.command_id, other.command_id, again.command_id]).toEqual(['c1', 'c2', 'c1']);
    expect([unanswered(again.drafts, 'incident/I-1'), unanswered(again.drafts, 'incident/I-2')]).toEqual([['{"op":"take"}', '{"op":"note","text":"x"}'], []]);
    const answered = settleDraft(again.drafts, 'c1');
    expect([unanswered(answered, 'incident/I-1').length, begin(answered, 'incident/I-1', '{"op":"take"}', make).command_id]).toEqual([1, 'c3']);
    expect(settleDraft(answered, 'nobody')).toBe(answered);
  });
  it('to another place is another one', () => {
    let n = 0;
    const make = (): string => `c${(n += 1)}`;
    const one = begin(NO_DRAFTS, 'incident/I-1', 'take', make);
    expect(begin(one.drafts, 'incident/I-2', 'take', make).command_id).toBe('c2');
  });
  it('is one effect, however often it is asked, answered and lost: a model', () => {
    const random = randomFrom(5);
    let drafts: Drafts = NO_DRAFTS;
    let made = 0;
    const open = new Map<string, string>(); // what is not answered, and its id
    for (let round = 0; round < 2_000; round += 1) {
      const [place, what] = [`p${Math.floor(random() * 3)}`, `w${Math.floor(random() * 4)}`];
      const next = begin(drafts, place, what, () => `c${(made += 1)}`);
      expect(next.command_id).toBe(open.get(`${place} ${what}`) ?? `c${made}`);
      open.set(`${place} ${what}`, next.command_id);
      drafts = next.drafts;
      if (random() < 0.5) {
        drafts = settleDraft(drafts, next.command_id);
        open.delete(`${place} ${what}`);
      }
      expect([...['p0', 'p1', 'p2'].map((p) => unanswered(drafts, p).length)].reduce((a, b) => a + b, 0)).toBe(open.size);
    }
  });
  it('of very many without an answer the oldest is forgotten', () => {
    let drafts: Drafts = NO_DRAFTS;
    for (let i = 0; i <= OPEN_MAX; i += 1) drafts = begin(drafts, 'p', `w${i}`, () => `c${i}`).drafts;
    expect(unanswered(drafts, 'p').length).toBe(OPEN_MAX);
  });
});
