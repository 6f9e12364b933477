/** Tones from WebAudio oscillators, no files. A browser that waits for a click says so: state `suspended`. */

import type { Tone } from './ring';

/** Frequency in hertz, start and length in seconds. */
interface Note {
  readonly hz: number;
  readonly at_s: number;
  readonly for_s: number;
}

const NOTES: Readonly<Record<Tone, readonly Note[]>> = {
  p1: [
    { hz: 880, at_s: 0, for_s: 0.3 }, { hz: 660, at_s: 0.3, for_s: 0.3 },
    { hz: 880, at_s: 0.6, for_s: 0.3 }, { hz: 660, at_s: 0.9, for_s: 0.3 },
  ],
  p2: [{ hz: 660, at_s: 0, for_s: 0.25 }],
  lost: [{ hz: 330, at_s: 0, for_s: 0.4 }, { hz: 220, at_s: 0.45, for_s: 0.6 }],
};
const LOUDNESS = 0.25;
const EDGE_S = 0.015;

export type SoundState = 'on' | 'suspended' | 'none';

/** The part of an AudioContext that is used here, so that a test can stand in for it. */
export type Context = Pick<AudioContext, 'state' | 'currentTime' | 'destination' | 'resume'> & {
  createOscillator(): Pick<OscillatorNode, 'type' | 'frequency' | 'connect' | 'start' | 'stop'>;
  createGain(): Pick<GainNode, 'gain' | 'connect'>;
};

export class Sound {
  readonly #context: Context | null;

  constructor(make: () => Context = () => new AudioContext()) {
    let context: Context | null = null;
    try {
      context = make();
    } catch { // no audio device or no WebAudio: the page says "no sound"
      context = null;
    }
    this.#context = context;
  }

  get state(): SoundState {
    if (!this.#context) return 'none';
    return this.#context.state === 'running' ? 'on' : 'suspended';
  }

  /** To be called from a click or key: the browser then lets the tones out. */
  async unlock(): Promise<void> {
    if (this.#context?.state === 'suspended') await this.#context.resume();
  }

  /** Plays a tone; false when nothing could be heard. */
  play(tone: Tone): boolean {
    const context = this.#context;
    if (!context || context.state !== 'running') return false;
    for (const { hz, at_s, for_s } of NOTES[tone]) {
      const oscillator = context.createOscillator();
      const gain = context.createGain();
      const start = context.currentTime + at_s;
      oscillator.type = 'triangle';
      oscillator.frequency.setValueAtTime(hz, start);
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(LOUDNESS, start + EDGE_S);
      gain.gain.setValueAtTime(LOUDNESS, start + for_s - EDGE_S);
      gain.gain.linearRampToValueAtTime(0, start + for_s);
      oscillator.connect(gain as GainNode);
      gain.connect(context.destination);
      oscillator.start(start);
      oscillator.stop(start + for_s);
    }
    return true;
  }
}
