import { createHash } from 'node:crypto';
import type { ExperimentAnalysed, TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows } from './insert-json-rows.js';

/**
 * Keeps of each second the last analysis with the same verdicts: an analysis may come many times a second, and nobody
 * looks closer, but no change of a verdict is lost.
 */
export async function recordAnalyses(
  tx: Queryable,
  events: readonly TeststripEvent<'experiment.analysed.v1'>[],
): Promise<void> {
  const kept = new Map<string, object>();
  const sorted = [...events].sort((a, b) => Date.parse(a.data.analysedAt) - Date.parse(b.data.analysedAt));
  for (const { data } of sorted) {
    const { experiment, revision, analysedAt } = data;
    const second = new Date(Math.floor(Date.parse(analysedAt) / 1_000) * 1_000).toISOString();
    const signature = signatureOf(data);
    const row = { experiment, revision, second, signature, analysed_at: analysedAt, analysis: data };
    kept.set(`${experiment}/${revision}/${second}/${signature}`, row);
  }
  await insertJsonRows(tx, STATEMENT, [...kept.values()]);
}

/** Equal for two analyses that say the same about stage, verdicts, budget and health. */
function signatureOf({ epoch, stage, metrics, health }: ExperimentAnalysed): string {
  const said = [
    epoch,
    stage,
    ...metrics.map(({ metric, candidate, verdict, budget }) => [
      metric,
      candidate,
      verdict,
      budget.map((step) => step.nonInferior),
    ]),
    health.srm.status,
    health.coverage.status,
    health.staleness.status,
  ];
  return createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, 16);
}

const STATEMENT = {
  name: 'record-analyses',
  sql: `
insert into teststrip.analyses as held
select * from json_populate_recordset(null::teststrip.analyses, $1::json)
 order by experiment, revision, second, signature
on conflict (experiment, revision, second, signature) do update
  set analysed_at = excluded.analysed_at, analysis = excluded.analysis
  where held.analysed_at < excluded.analysed_at`,
};
