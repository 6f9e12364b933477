/**
 * The schematic map: a mosaic on 90° and 45° lines, drawn from the list of district centres; neighbours stay
 * neighbours, the two pilot cities are enlarged so that points fit. Not to scale, no boundary. Keys are unit codes.
 * Coordinates are those of a drawing of 640 × 494.
 */

export const MAP_WIDTH = 640;
export const MAP_HEIGHT = 494;

export interface MapCell {
  readonly code: string;
  /** Corners of the polygon. */
  readonly points: string;
  /** Where the last line of the name stands, centred; the name breaks into `lines`. */
  readonly label: readonly [x: number, y: number];
  readonly lines: 1 | 2;
  /** Cities show points inside this box: x, y, width, height. */
  readonly box?: readonly [number, number, number, number];
}

export const CELLS: readonly MapCell[] = [
  { code: '734', points: '424,0 606,0 640,34 640,94 396,94 396,28', label: [522, 52], lines: 1 },
  { code: '736', points: '396,94 640,94 640,206 530,206 530,258 504,258 504,206 396,206', label: [512, 184], lines: 1 },
  { code: '735', points: '92,30 396,30 396,150 36,150 36,86', label: [210, 90], lines: 1 },
  { code: '731', points: '36,150 214,150 214,360 30,360 0,330 0,186', label: [26, 186], lines: 1,
    box: [28, 208, 166, 130] },
  { code: '737', points: '214,150 354,150 354,318 214,318', label: [284, 232], lines: 2 },
  { code: '738', points: '354,150 396,150 396,206 504,206 504,258 390,258 390,396 354,396', label: [430, 236], lines: 1 },
  { code: '732', points: '390,258 530,258 530,396 390,396', label: [460, 322], lines: 2, box: [410, 346, 100, 36] },
  { code: '741', points: '530,206 640,206 640,352 596,396 530,396', label: [585, 304], lines: 2 },
  { code: '739', points: '354,396 596,396 596,448 552,492 354,492', label: [472, 448], lines: 1 },
  { code: '740', points: '214,318 354,318 354,492 168,492 168,360 214,360', label: [262, 426], lines: 1 },
  { code: '742', points: '24,392 168,392 168,492 60,492 24,456', label: [97, 458], lines: 2 },
];

export const CODES: readonly string[] = CELLS.map((cell) => cell.code);

/** Rivers as lines 8 wide, and the lake of Trị An; never data. */
export const WATER_LINES: readonly string[] = [
  'M426-8 398 20V92L410 108', 'M648 168H566L536 138H446', 'M372 142 364 150H118L84 184V262L44 302V344L12 376V500',
];
export const LAKE = 'M372 122 396 104H430L450 124V150L430 170H392L372 150Z';

export interface Located {
  readonly lon?: number | null | undefined;
  readonly lat?: number | null | undefined;
}

/** Degrees inside which a city's points lie: west, south, east, north. */
export type Bounds = readonly [number, number, number, number];

/** Smallest extent of a city in degrees: one lonely sensor must not blow the picture up. */
const SPAN_MIN_DEG = 0.04;

export function boundsOf(points: readonly Located[]): Bounds | null {
  const placed = points.flatMap(({ lon, lat }) => (typeof lon === 'number' && typeof lat === 'number' ? [{ lon, lat }] : []));
  if (placed.length === 0) return null;
  const [lons, lats] = [placed.map((p) => p.lon), placed.map((p) => p.lat)];
  const around = (lo: number, hi: number): [number, number] => {
    const pad = Math.max(0, (SPAN_MIN_DEG - (hi - lo)) / 2);
    return [lo - pad, hi + pad];
  };
  const [west, east] = around(Math.min(...lons), Math.max(...lons));
  const [south, north] = around(Math.min(...lats), Math.max(...lats));
  return [west, south, east, north];
}

/** Where a point of a city stands in its box; outside the bounds it is held at the edge. */
export function projectInto(point: Located, bounds: Bounds, box: NonNullable<MapCell['box']>): [number, number] | null {
  if (typeof point.lon !== 'number' || typeof point.lat !== 'number') return null;
  const [west, south, east, north] = bounds;
  const [x, y, w, h] = box;
  const hold = (v: number): number => Math.min(1, Math.max(0, v));
  return [x + hold((point.lon - west) / (east - west)) * w, y + hold((north - point.lat) / (north - south)) * h];
}

/**
 * Moves marks apart: each keeps its place when that is free, otherwise it takes the nearest free place on rings
 * around it. Deterministic, so that nothing jumps; null when the box is full.
 */
export function spread(
  places: readonly (readonly [number, number])[], box: NonNullable<MapCell['box']>, distance: number,
): ([number, number] | null)[] {
  const taken: [number, number][] = [];
  const [x, y, w, h] = box;
  const free = (px: number, py: number): boolean =>
    px >= x && px <= x + w && py >= y && py <= y + h
    && taken.every(([tx, ty]) => Math.hypot(tx - px, ty - py) >= distance);
  return places.map(([px, py]) => {
    for (let ring = 0; ring * distance * 0.5 <= w + h; ring += 1) {
      const n = ring === 0 ? 1 : ring * 8;
      for (let i = 0; i < n; i += 1) {
        const angle = (2 * Math.PI * i) / n;
        const at: [number, number] = [
          px + Math.cos(angle) * ring * distance * 0.5, py + Math.sin(angle) * ring * distance * 0.5,
        ];
        if (!free(...at)) continue;
        taken.push(at);
        return at;
      }
    }
    return null;
  });
}
