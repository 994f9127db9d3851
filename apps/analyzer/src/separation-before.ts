import { initialSeparation, noteSeparation, type ObservedEvent, type Separation } from '#libs/evidence';

type ScoredPicture = Extract<ObservedEvent, { readonly type: 'image.scored.v1' }>['data'];

/** Services that are remembered; the one whose picture came longest ago is forgotten. */
const MOST_SERVICES = 1_000;
/** An experiment begins with what so many pictures said at most: its own outweigh them soon. */
const MOST_PICTURES = 50;

interface Remembered {
  readonly scorer: string;
  readonly separation: Separation;
}

/**
 * How well the scorer tells the prompts of a service's latest pictures apart, whoever asked for them, those of candidates left out: so that an
 * experiment begins with what is known of the scorer. Of the scorer that scored last, in memory alone, of one partition of scores.
 */
export class SeparationBefore {
  private readonly services = new Map<string, Remembered>();

  /** @returns whether it says anything of the service's own pictures */
  note(picture: ScoredPicture): boolean {
    const { assignment, service, identity, separation } = picture;
    if (separation === undefined) return false;
    if (assignment !== null && assignment.variant !== assignment.control) return false;
    const scorer = [identity.digest, identity.preprocessing, identity.engine].join();
    const before = this.services.get(service);
    const remembered = before?.scorer === scorer ? before : { scorer, separation: initialSeparation() };
    noteSeparation(remembered.separation, picture);
    // Set again, it becomes the youngest of the map.
    this.services.delete(service);
    this.services.set(service, remembered);
    if (this.services.size > MOST_SERVICES) this.services.delete(this.services.keys().next().value as string);
    return true;
  }

  /** What an experiment of the service begins with; null: nothing is known. */
  of(service: string): Separation | null {
    const remembered = this.services.get(service)?.separation;
    if (remembered === undefined) return null;
    return { mean: remembered.mean, pictures: Math.min(MOST_PICTURES, remembered.pictures) };
  }
}
