/**
 * VN_AQI of an hour: Decision 1459/QĐ-TCMT of 12 November 2019. The breakpoints are in `vn_aqi_1459.json`.
 *
 * Each pollutant gets an index by linear interpolation between its breakpoints; the highest is the station's index,
 * rounded. PM10 or PM2.5 is mandatory. The decision takes Nowcast values for PM; whoever only has the mean of one hour
 * passes that, and should say so beside the number.
 */

import table from './vn_aqi_1459.json';

export type Pollutant = keyof typeof table.breakpoints;

export interface AqiBand {
  readonly max: number;
  readonly vi: string;
  readonly en: string;
  readonly rgb: readonly number[];
}

/** The index runs to 500; the decision has no value beyond. */
const INDEX_MAX = 500;

/** Index of one pollutant, not rounded; the concentration in µg/m³, negative readings count as 0. */
export function subIndex(pollutant: Pollutant, concentration_ug_m3: number): number {
  const points = table.breakpoints[pollutant];
  const c = Math.max(0, concentration_ug_m3);
  for (let i = 1; i < points.length; i += 1) {
    const [lo, hi] = [points[i - 1] ?? 0, points[i] ?? 0];
    const [iLo, iHi] = [table.index[i - 1] ?? 0, table.index[i] ?? 0];
    if (c <= hi) return iLo + ((iHi - iLo) * (c - lo)) / (hi - lo);
  }
  return INDEX_MAX;
}

/** VN_AQI of an hour, a whole number 0…500; null without PM2.5 and PM10. */
export function hourlyAqi(values: Partial<Record<Pollutant, number | null>>): number | null {
  if (values.pm25 == null && values.pm10 == null) return null;
  const indices = (Object.keys(table.breakpoints) as Pollutant[]).flatMap((p) => {
    const value = values[p];
    return value == null ? [] : [subIndex(p, value)];
  });
  return Math.round(Math.max(...indices));
}

/** The official band of an index, with its name and colour. */
export function aqiBand(index: number): AqiBand {
  const bands: readonly AqiBand[] = table.bands;
  return bands.find((band) => index <= band.max) ?? (bands.at(-1) as AqiBand);
}
