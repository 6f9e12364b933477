import { describe, expect, it } from 'vitest';
import reasons from './reasons.json';
import { CAP_AXES, capWord, partOf, reasonOf, typeOf, WORDS } from '../src/lib/words';

/** `reasons.json` is kept equal to the Python source by `tests/architecture/test_reason_words.py`. */
describe('reason codes', () => {
  it.each([...reasons.alert, ...reasons.refusal, ...reasons.summons])('%s has words in both languages', (code) => {
    expect(reasonOf(code, 'vi')).toBeTruthy();
    expect(reasonOf(code, 'en')).toBeTruthy();
    expect(reasonOf(code, 'vi')).not.toBe(reasonOf(code, 'en'));
  });
  it('have no words that no code uses', () => {
    const known = new Set<string>([...reasons.alert, ...reasons.refusal, ...reasons.summons]);
    const worded = Object.keys(WORDS.vi).filter((key) => key.startsWith('why_')).map((key) => key.slice(4));
    expect(worded.filter((code) => !known.has(code))).toEqual([]);
  });
  it('that nobody knows have none, so that the code itself is shown', () => {
    expect(reasonOf('NEVER_HEARD_OF', 'vi')).toBeNull();
  });
});

describe('values of CAP 1.2', () => {
  it.each(['category', ...CAP_AXES] as const)('of the axis %s all have words in both languages', (axis) => {
    for (const value of reasons.cap[axis]) {
      for (const lang of ['vi', 'en'] as const) expect(WORDS[lang]).toHaveProperty(`cap_${axis}_${value}`);
      expect(capWord(axis, value, 'vi')).not.toBe(value);
    }
  });
  it('that the protocol does not have are shown as they are', () => {
    expect(capWord('urgency', 'Whenever', 'vi')).toBe('Whenever');
  });
});

describe('parts of the system that are away', () => {
  it.each(['database', 'bus', 'intake', 'detect', 'alerting', 'recorder'])('%s has words in both languages', (part) => {
    expect(partOf(part, 'vi')).not.toBe(part);
    expect(partOf(part, 'vi')).not.toBe(partOf(part, 'en'));
  });
  it('without words is shown as it is', () => {
    expect(partOf('newer', 'vi')).toBe('newer');
  });
});

/** That every type of the catalogue has words is checked by `tests/architecture/test_type_words.py`. */
describe('event types', () => {
  it('have words in both languages', () => {
    expect(typeOf('flood.spot', 'vi')).toBe('Điểm ngập');
    expect(typeOf('flood.spot', 'en')).toBe('Flood spot');
  });
  it('that this page does not know are shown as they are', () => {
    expect(typeOf('parking.lot', 'vi')).toBe('parking.lot');
  });
});
