import { describe, expect, it } from 'vitest';
import reasons from './reasons.json';
import { partOf, reasonOf, WORDS } from '../src/lib/words';

/** `reasons.json` is kept equal to the Python source by `tests/architecture/test_reason_words.py`. */
describe('reason codes', () => {
  it.each([...reasons.alert, ...reasons.refusal])('%s has words in both languages', (code) => {
    expect(reasonOf(code, 'vi')).toBeTruthy();
    expect(reasonOf(code, 'en')).toBeTruthy();
    expect(reasonOf(code, 'vi')).not.toBe(reasonOf(code, 'en'));
  });
  it('have no words that no code uses', () => {
    const known = new Set<string>([...reasons.alert, ...reasons.refusal]);
    const worded = Object.keys(WORDS.vi).filter((key) => key.startsWith('why_')).map((key) => key.slice(4));
    expect(worded.filter((code) => !known.has(code))).toEqual([]);
  });
  it('that nobody knows have none, so that the code itself is shown', () => {
    expect(reasonOf('NEVER_HEARD_OF', 'vi')).toBeNull();
  });
});

describe('parts of the system that are away', () => {
  it.each(['database', 'bus', 'intake', 'detect', 'alerting', 'recorder'])('%s has words in both languages', (part) => {
    expect(partOf(part, 'vi')).not.toBe(part);
    expect(partOf(part, 'vi')).not.toBe(partOf(part, 'en'));
  });
  it('without words is shown as it is', () => {
    expect(partOf('lag', 'vi')).toBe('lag');
  });
});
