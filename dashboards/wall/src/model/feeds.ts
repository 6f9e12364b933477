/** Health of the sources: which feeds live, which centre is silent and since when, and how good the data is. Pure. */

import { groupOf, nameOf, shortOf, type Centre, type Feed, type Lang, type Profile } from './profile';
import type { Picture } from './picture';
import type { Alert, FeedView } from './wire';

export interface FeedTile {
  readonly centre: string;
  readonly feed: string;
  readonly name: string;
  /** `missing`: the profile promises this feed, but nobody has reported anything about it. */
  readonly state: FeedView['state'] | 'missing';
  /** Reports what happens: no news is no fault. */
  readonly sporadic: boolean;
  /** Nothing can be said about it: silent, never heard of, or missing; a sporadic one only when its centre is silent. */
  readonly silent: boolean;
  /** Milliseconds since the newest message came in; null when none ever came. */
  readonly age_ms: number | null;
  /** Messages per minute over the expected ones; null when not known. 1 is as usual. */
  readonly ratio: number | null;
  /** Out of service: when somebody should look at it again; null otherwise. */
  readonly review_ms: number | null;
  /** The date of review has passed, and nothing was heard. */
  readonly overdue: boolean;
  readonly counts: FeedCounts | null;
}

/** Messages of the last hour; null from an intake that counts otherwise. */
export interface FeedCounts {
  readonly received: number;
  /** What should have come; null for a feed that reports what happens, and before its first full minute. */
  readonly expected: number | null;
  readonly conflicts: number;
  /** Dropped for number and time alone: known before, or of a source that began its numbers anew. */
  readonly presumed: number;
  /** Sent under another key than their site's native id: their order and their repeats are not safe. */
  readonly unkeyed: number;
}

export function countsOf(view: FeedView | undefined): FeedCounts | null {
  if (view?.received === undefined) return null;
  return { received: view.received, expected: view.sporadic ? null : (view.expected ?? null), conflicts: view.conflicts ?? 0,
    presumed: view.presumed ?? 0, unkeyed: view.unkeyed ?? 0 };
}

/** When somebody should look again at a feed, and whether that has passed; null while it is in service. */
export function reviewOf(view: FeedView | undefined, server_now_ms: number): { at_ms: number; overdue: boolean } | null {
  const at_ms = view?.state === 'out_of_service' ? (view.review_ms ?? null) : null;
  return at_ms === null ? null : { at_ms, overdue: server_now_ms >= at_ms };
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
  /** Intake does not read it: whether it is silent nobody knows. */
  readonly unread: boolean;
}

/** Rule of the alert with which detect says that intake does not speak. */
const INTAKE_RULE = 'intake-silent';
/** A centre that is read has a heartbeat every few seconds: without anything for so long nobody knows that it is read. */
const READ_MS = 90_000;

/**
 * Does intake not read a centre? Then what is held of its feeds is intake's last word, and nobody writes it anew. The
 * alert says so, or the gateway, whose canary notices it earlier. While only some centres are not read (P2), those are
 * read of which something came since, and lately.
 */
export function unread(picture: Picture, centre: string): boolean {
  const said = [...picture.alerts.values()].find((a) => a.rule === INTAKE_RULE && a.active && !a.closed && !a.exercise);
  if (!said) return picture.beat?.degraded.includes('intake') ?? false;
  if (said.priority === 1) return true;
  const newest_ms = Math.max(...[...picture.feeds.values()].filter((view) => view.centre === centre).map((view) => view.last_received_ms ?? -Infinity));
  return newest_ms <= said.started_ms || (picture.beat !== null && picture.beat.server_time_ms - newest_ms > READ_MS);
}

const BLIND: ReadonlySet<FeedTile['state']> = new Set(['silent', 'out_of_service', 'dead', 'missing', 'unknown']);

function isSporadic(feed: Feed | undefined, view: FeedView | undefined): boolean {
  return view?.sporadic ?? feed?.sporadic ?? false;
}

/** Nothing comes from it; `dead` is an earlier name of `out_of_service`. */
const NOT_HEARD: ReadonlySet<FeedView['state']> = new Set(['silent', 'out_of_service', 'dead']);

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
  const unheard = unread(picture, centre);
  const lost = unheard || silentSince(picture, profile, centre) !== null;
  return profile.feeds.filter((feed) => feed.centre === centre).map((feed) => {
    const view = picture.feeds.get(`${centre}/${feed.id}`);
    const said = view?.state ?? 'missing';
    const state = unheard && !BLIND.has(said) ? 'unknown' : said;
    const at_ms = view?.last_received_ms ?? null;
    const sites = profile.sites.filter((site) => site.centre === centre && site.feed === feed.id).length;
    const sporadic = isSporadic(feed, view);
    const silent = sporadic ? lost : BLIND.has(state);
    const review = reviewOf(view, server_now_ms);
    return {
      centre,
      feed: feed.id,
      name: shortOf(feed, lang) ?? nameOf(feed, lang),
      state,
      sporadic,
      silent,
      age_ms: at_ms === null ? null : Math.max(0, server_now_ms - at_ms),
      ratio: view && !silent && !sporadic ? ratioOf(view, sites) : null,
      review_ms: review?.at_ms ?? null,
      overdue: review?.overdue ?? false,
      counts: countsOf(view),
    };
  });
}

/**
 * Since when a centre is silent, null while it is not: an open silence alert of the centre says so, or all of its
 * feeds that report by the clock are silent.
 */
export function silentSince(picture: Picture, profile: Profile, centre: string): number | null {
  const alert = silenceAlert(picture, profile, centre);
  if (alert) return alert.started_ms;
  const views = [...picture.feeds.values()].filter((view) => view.centre === centre && !isSporadic(
    profile.feeds.find((feed) => feed.centre === centre && feed.id === view.feed), view));
  if (views.length === 0 || !views.every((view) => NOT_HEARD.has(view.state))) return null;
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

/**
 * "Đúng, đủ, sạch, sống" of a centre, from the counters of its feeds: accepted of what came; received of what was
 * expected; how little was repeated; feeds that live. An older intake counts nothing as expected: then "đủ" is the mean
 * share of the usual rate.
 */
export function qualityOf(picture: Picture, tiles: readonly FeedTile[]): Quality {
  const views = tiles.flatMap((tile) => picture.feeds.get(`${tile.centre}/${tile.feed}`) ?? []);
  const sum = (of: readonly FeedView[], pick: (view: FeedView) => number): number => of.reduce((n, view) => n + pick(view), 0);
  const accepted = sum(views, (view) => view.accepted);
  const rejected = sum(views, (view) => view.rejected);
  const repeated = sum(views, (view) => view.duplicates);
  const conflicts = sum(views, (view) => view.conflicts ?? 0);
  const counted = views.filter((view) => view.received !== undefined && view.expected != null && view.expected > 0);
  const shares = tiles.flatMap((tile) => (tile.sporadic ? [] : tile.silent ? [0] : tile.ratio === null ? [] : [Math.min(1, tile.ratio)]));
  return {
    right: percent(accepted + repeated, accepted + repeated + rejected),
    complete: isHourly(views) ? percent(sum(counted, (v) => Math.min(v.received ?? 0, v.expected ?? 0)), sum(counted, (v) => v.expected ?? 0))
      : percent(total(shares), shares.length),
    clean: percent(accepted, accepted + repeated + conflicts),
    live: tiles.filter((tile) => !tile.silent).length,
    total: tiles.length,
  };
}

function total(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** The counters are of the last hour, not totals. */
export function isHourly(views: Iterable<FeedView>): boolean {
  return [...views].some((view) => view.received !== undefined);
}

export function feedsByCentre(picture: Picture, profile: Profile, server_now_ms: number, lang: Lang): CentreFeeds[] {
  return profile.centres.map((centre) => {
    const tiles = feedTiles(picture, profile, centre.id, server_now_ms, lang);
    const silent_since_ms = silentSince(picture, profile, centre.id);
    const unheard = unread(picture, centre.id);
    const quality = qualityOf(picture, tiles);
    return { centre, tiles, silent_since_ms, unread: unheard, quality: unheard ? { ...quality, right: null, complete: null, clean: null } : quality };
  });
}

/** Age of the newest message of any of the given centres, milliseconds; null when nothing ever came. */
export function newestAge(picture: Picture, centres: readonly string[], server_now_ms: number): number | null {
  const times = [...picture.feeds.values()]
    .filter((view) => centres.includes(view.centre))
    .flatMap((view) => view.last_received_ms ?? []);
  return times.length ? Math.max(0, server_now_ms - Math.max(...times)) : null;
}
