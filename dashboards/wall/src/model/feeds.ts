/** Health of the sources: which feeds live, which centre is silent and since when, and how good the data is. Pure. */

import { groupOf, nameOf, type Centre, type Lang, type Profile } from './profile';
import type { Picture } from './picture';
import type { Alert, FeedView } from './wire';

export interface FeedTile {
  readonly centre: string;
  readonly feed: string;
  readonly name: string;
  /** `missing`: the profile promises this feed, but nobody has reported anything about it. */
  readonly state: FeedView['state'] | 'missing';
  /** Nothing can be said about it: silent, never heard of, or missing. */
  readonly silent: boolean;
  /** Milliseconds since the newest message came in; null when none ever came. */
  readonly age_ms: number | null;
  /** Messages per minute over the expected ones; null when not known. 1 is as usual. */
  readonly ratio: number | null;
}

/** Right, complete, clean in percent (null: nothing to judge from), and how many feeds live. */
export interface Quality {
  readonly right: number | null;
  readonly complete: number | null;
  readonly clean: number | null;
  readonly live: number;
  readonly total: number;
}

export interface CentreFeeds {
  readonly centre: Centre;
  readonly tiles: readonly FeedTile[];
  readonly quality: Quality;
  readonly silent_since_ms: number | null;
}

function isBlindState(state: FeedTile['state']): boolean {
  return state === 'silent' || state === 'missing' || state === 'unknown';
}

/**
 * How much of the expected traffic came in the last full minute; null for a feed slower than one message per minute.
 * The period is that of one site.
 */
function ratioOf(view: FeedView, sites: number): number | null {
  const expected_per_min = view.expected_period_s > 0 ? (60 * Math.max(1, sites)) / view.expected_period_s : 0;
  // Nothing in the last full minute, yet on time: the feed has only just begun, there is no rate to judge.
  const begun = view.rate_per_min > 0 || view.state !== 'on_time';
  return expected_per_min >= 1 && begun ? view.rate_per_min / expected_per_min : null;
}

export function feedTiles(picture: Picture, profile: Profile, centre: string, server_now_ms: number, lang: Lang):
  FeedTile[] {
  return profile.feeds.filter((feed) => feed.centre === centre).map((feed) => {
    const view = picture.feeds.get(`${centre}/${feed.id}`);
    const state = view?.state ?? 'missing';
    const at_ms = view?.last_received_ms ?? null;
    const sites = profile.sites.filter((site) => site.centre === centre && site.feed === feed.id).length;
    return {
      centre,
      feed: feed.id,
      name: nameOf(feed, lang),
      state,
      silent: isBlindState(state),
      age_ms: at_ms === null ? null : Math.max(0, server_now_ms - at_ms),
      ratio: view && !isBlindState(state) ? ratioOf(view, sites) : null,
    };
  });
}

/**
 * Since when a centre is silent, null while it is not: an open silence alert of the centre says so, or all of its
 * feeds are silent.
 */
export function silentSince(picture: Picture, profile: Profile, centre: string): number | null {
  const alert = silenceAlert(picture, profile, centre);
  if (alert) return alert.started_ms;
  const views = [...picture.feeds.values()].filter((view) => view.centre === centre);
  if (views.length === 0 || !views.every((view) => view.state === 'silent')) return null;
  return Math.min(...views.map((view) => view.since_ms));
}

/** The open alert that says that a whole centre is silent. */
export function silenceAlert(picture: Picture, profile: Profile, centre: string): Alert | null {
  for (const alert of picture.alerts.values()) {
    const silence = alert.type === 'source.heartbeat' && groupOf(alert, profile) === 'source';
    if (silence && alert.centre === centre && alert.active && !alert.closed) return alert;
  }
  return null;
}

/** Silent centres in the order of the profile, with the moment since when. */
export function silentCentres(picture: Picture, profile: Profile): { centre: Centre; since_ms: number }[] {
  return profile.centres.flatMap((centre) => {
    const since_ms = silentSince(picture, profile, centre.id);
    return since_ms === null ? [] : [{ centre, since_ms }];
  });
}

function percent(part: number, whole: number): number | null {
  return whole > 0 ? (100 * part) / whole : null;
}

/** "Đúng, đủ, sạch, sống" of a centre, from the counters of its feeds. */
export function qualityOf(picture: Picture, tiles: readonly FeedTile[]): Quality {
  const views = tiles.flatMap((tile) => picture.feeds.get(`${tile.centre}/${tile.feed}`) ?? []);
  const sum = (pick: (view: FeedView) => number): number => views.reduce((total, view) => total + pick(view), 0);
  const accepted = sum((view) => view.accepted);
  const rejected = sum((view) => view.rejected);
  const duplicates = sum((view) => view.duplicates);
  const shares = tiles.flatMap((tile) => (tile.silent ? [0] : tile.ratio === null ? [] : [Math.min(1, tile.ratio)]));
  return {
    right: percent(accepted + duplicates, accepted + duplicates + rejected),
    complete: percent(shares.reduce((a, b) => a + b, 0), shares.length),
    clean: percent(accepted, accepted + duplicates),
    live: tiles.filter((tile) => !tile.silent).length,
    total: tiles.length,
  };
}

export function feedsByCentre(picture: Picture, profile: Profile, server_now_ms: number, lang: Lang): CentreFeeds[] {
  return profile.centres.map((centre) => {
    const tiles = feedTiles(picture, profile, centre.id, server_now_ms, lang);
    const silent_since_ms = silentSince(picture, profile, centre.id);
    return { centre, tiles, quality: qualityOf(picture, tiles), silent_since_ms };
  });
}

/** Age of the newest message of any of the given centres, milliseconds; null when nothing ever came. */
export function newestAge(picture: Picture, centres: readonly string[], server_now_ms: number): number | null {
  const times = [...picture.feeds.values()]
    .filter((view) => centres.includes(view.centre))
    .flatMap((view) => view.last_received_ms ?? []);
  return times.length ? Math.max(0, server_now_ms - Math.max(...times)) : null;
}
