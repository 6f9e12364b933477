/** The list of incidents at the desk: rows, members, lines of the timeline, what may be asked. Pure. */

import { byNeed, incidentTitle, labelOf, memberState, viewOf, type IncidentView } from './incidents';
import { isHidden, isMuted } from './alerts';
import type { Picture } from './picture';
import type { Lang } from './profile';
import type { Alert } from './wire';
import type { Incident, IncidentOp, Member } from './wire_desk';

/** Body of a command to an incident without its id. */
export interface IncidentAsked {
  readonly op: IncidentOp;
  readonly other?: string;
  readonly alert_ids?: readonly string[];
  readonly text?: string;
  /** Of `take` and `release`: who led it on this screen; empty: nobody, and so when it is left out. */
  readonly expected_owner?: string;
  /** Of `rename`: the title on this screen. */
  readonly expected_title?: string;
}

/** Longest title or note, characters; the server refuses more. */
export const TEXT_MAX = 500;

/** All open incidents, drills last: a drill is commanded like the real one, apart from it. */
export function listed(picture: Picture): IncidentView[] {
  return picture.desk.incidents.filter((one) => one.state === 'open').map((one) => viewOf(one, picture))
    .sort((a, b) => Number(a.incident.exercise !== null) - Number(b.incident.exercise !== null) || byNeed(a, b));
}

/** Members as they are drawn: those that are there before those that left, then the worst, then the newest. */
export function membersOf(incident: Incident): Member[] {
  return [...incident.members].sort((a, b) => Number(a.left_ms !== null) - Number(b.left_ms !== null)
    || a.priority - b.priority || b.raised_ms - a.raised_ms || (a.alert_id < b.alert_id ? -1 : 1));
}

/** What was chosen and is still an open member, and how many left meanwhile: with one of these the desk would refuse all. */
export function stillThere(chosen: ReadonlySet<string>, incident: Incident, picture: Picture): { ids: string[]; left: number } {
  const there = new Set(incident.members.filter((m) => memberState(m, picture).at !== 'left').map((m) => m.alert_id));
  const ids = [...chosen].filter((id) => there.has(id)).sort();
  return { ids, left: chosen.size - ids.length };
}

/** Alerts of an incident that an acknowledgement would have an effect on. */
export function toAcknowledge(incident: Incident, picture: Picture): Alert[] {
  return membersOf(incident).flatMap((member) => {
    const alert = picture.alerts.get(member.alert_id);
    return alert && !alert.closed && !alert.acked && !isHidden(alert) && !isMuted(alert) ? [alert] : [];
  });
}

/** Open incidents that another one can take over: of the same world (real, or the same drill). */
export function mergeable(incident: Incident, picture: Picture): Incident[] {
  return picture.desk.incidents.filter((one) => one.state === 'open' && one.id !== incident.id && one.exercise === incident.exercise);
}

/** What the desk would refuse for lack of something, found out before it is asked. */
export function lacksOf(asked: IncidentAsked): 'text' | 'other' | 'alerts' | null {
  const text = asked.text?.trim() ?? '';
  if ((asked.op === 'rename' || asked.op === 'note') && (text === '' || [...text].length > TEXT_MAX)) return 'text';
  if (asked.op === 'merge' && !asked.other) return 'other';
  return asked.op === 'split' && !asked.alert_ids?.length ? 'alerts' : null;
}

/** Who leads an incident by an answer that came before the desk's frame: it holds while the frame says what it said then. */
export interface Faster {
  readonly before: string | null;
  readonly owner: string;
  readonly display: string;
}

/** A command with what this screen shows, so that the desk refuses it when somebody was faster. `title`: as it is shown. */
export function withSeen(asked: IncidentAsked, incident: Incident, title: string, faster: Faster | null): IncidentAsked {
  if (asked.op === 'rename') return { ...asked, expected_title: title };
  if (asked.op !== 'take' && asked.op !== 'release') return asked;
  const owner = faster && faster.before === incident.owner ? faster.owner : incident.owner;
  return { ...asked, expected_owner: owner ?? '' };
}

/** What an id means to people: the number of an incident, the title of an alert; null: neither is known here. */
export function nameOfId(id: string, incident: Incident, picture: Picture, lang: Lang): string | null {
  const number = picture.desk.incidents.find((one) => one.id === id)?.number ?? picture.desk.numbers?.get(id);
  if (number !== undefined) return labelOf({ number });
  const alert = incident.members.find((m) => m.alert_id === id) ?? picture.alerts.get(id);
  return alert ? incidentTitle(alert, lang) : null;
}
