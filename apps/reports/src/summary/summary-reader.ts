import type { FactReader, RecordedDefinition } from '#libs/persistence/reports';
import { hasRole, ProblemException, type Clock, type Identity } from '#libs/platform';
import { compactAnalysis, type AnalysisPoint } from './analysis-point.js';
import type { ExperimentListing, ExperimentSummary } from './experiment-summary.js';
import { summarise, summariseListing } from './summarise.js';

/** What of a request says what it is about. */
type Addressed = Readonly<Record<'params' | 'query', Readonly<Record<string, unknown>>>>;

/** Reads what was recorded and puts it together for people. */
export class SummaryReader {
  constructor(
    private readonly facts: FactReader,
    private readonly clock: Clock,
  ) {}

  /** The services that an address names things of; none where nobody knows of them. Of a generation's picture the query may say whose it is, and no other one is shown then. */
  async servicesOf({ params, query }: Addressed): Promise<readonly string[]> {
    const { service, experiment, generationId } = params;
    if (typeof service === 'string') return [service];
    if (typeof experiment === 'string')
      return (await this.facts.definitions(experiment)).slice(0, 1).map(({ spec }) => spec.service);
    if (typeof generationId !== 'string') return [];
    return typeof query['service'] === 'string' ? [query['service']] : this.facts.servicesOfGeneration(generationId);
  }

  /** @throws ProblemException 404 where nobody has announced it, 409 where several services have */
  async serviceOfGeneration(generationId: string): Promise<string> {
    const [service, ...others] = await this.facts.servicesOfGeneration(generationId);
    if (service !== undefined && others.length === 0) return service;
    if (service === undefined) {
      const detail = `No generation "${generationId}" was ever announced.`;
      throw new ProblemException({ title: 'No such picture', status: 404, detail });
    }
    const detail = `${[service, ...others].join(', ')} have all announced a generation "${generationId}": say whose it is, ?service=${service}`;
    throw new ProblemException({ title: 'Several services', status: 409, detail });
  }

  /** The newest revision of every experiment that the caller may see and nobody has archived, newest first. */
  async list(caller: Identity): Promise<readonly ExperimentListing[]> {
    const [every, archived] = await Promise.all([this.facts.definitions(), this.facts.archived()]);
    const definitions = every.filter(
      ({ experiment, spec }) => !archived.has(experiment) && hasRole(caller, 'viewer', spec.service),
    );
    return Promise.all(
      definitions.map(async (definition) =>
        summariseListing(definition, await this.facts.commands(definition.experiment, definition.revision)),
      ),
    );
  }

  /** @throws ProblemException 404 for an experiment nobody defined. */
  async summary(experiment: string): Promise<ExperimentSummary> {
    const definition = await this.definition(experiment);
    const { revision } = definition;
    const [commands, applied, traffic, analysis, controllers] = await Promise.all([
      this.facts.commands(experiment, revision),
      this.facts.applied(experiment, revision),
      this.facts.traffic(experiment, revision),
      this.facts.latestAnalysis(experiment, revision),
      this.facts.controllers(),
    ]);
    return summarise({ definition, commands, applied, traffic, analysis, controllers }, this.clock.nowMs());
  }

  /** The course of the metrics in at most about `points` points, oldest first. */
  async history(experiment: string, points: number): Promise<readonly AnalysisPoint[]> {
    const { revision } = await this.definition(experiment);
    return (await this.facts.analysisHistory(experiment, revision, points)).map(compactAnalysis);
  }

  /** The newest revision. @throws ProblemException 404 for an experiment nobody defined. */
  async definition(experiment: string): Promise<RecordedDefinition> {
    const [definition] = await this.facts.definitions(experiment);
    if (definition) return definition;
    throw new ProblemException({
      title: 'Unknown experiment',
      status: 404,
      detail: `Nobody has defined an experiment "${experiment}", or its definition has not been recorded yet; GET /api/experiments lists those that are known.`,
    });
  }
}
