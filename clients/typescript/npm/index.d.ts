/** Who a flag is evaluated for. */
export interface FlagAsker {
  /** The user, session or request: whoever the experiment draws. */
  readonly unit: string;
  /** What audiences read, as text. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** ISO 8601; the present unless it is given. */
  readonly askedAt?: string;
}

/** Which variant the unit got, and with which probability. */
export interface Assignment {
  readonly experiment: string;
  readonly revision: number;
  readonly variant: string;
  readonly control: string;
  readonly unit: string;
  readonly epoch: number;
  readonly stage: number;
  readonly propensity: number;
  readonly weightsPpm: Readonly<Record<string, number>>;
  readonly reason: 'SPLIT' | 'TARGETING_MATCH' | 'DEFAULT' | 'OVERRIDE' | 'FAIL_SAFE' | 'FALLBACK';
}

export interface Evaluation {
  /** Name of the variant, or its parameters; undefined: your own default holds. */
  readonly value: unknown;
  /** null: nobody is drawn. */
  readonly assignment: Assignment | null;
  /** It counts as an exposure, which the client tells by itself. */
  readonly isExposure: boolean;
  /** Value of the header `teststrip-assignment` for the services that you then ask; undefined where nobody is drawn. */
  readonly header: string | undefined;
}

export interface TeststripClientOptions {
  /** Address of a router's public port. */
  readonly url: string;
  /** Hears what goes wrong; evaluating never throws. */
  readonly onTrouble?: (message: string) => void;
}

export declare class TeststripClient {
  private constructor();
  /** Resolves when it knows what is in force, or could not learn it: then flags have your defaults until it does. */
  static start(options: TeststripClientOptions): Promise<TeststripClient>;
  /** Takes no request and never waits. */
  evaluate(service: string, asker: FlagAsker): Evaluation;
  /** Tells exposures that were not told yet, and ends. */
  close(): Promise<void>;
}
