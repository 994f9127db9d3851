import type { Queryable } from '../../postgres/database.js';

/**
 * Of the analyses before `beforeMs` keeps the first of every run of equal signatures (each change of verdict), those that a
 * command rests on, and the last in every `everyMs`. Returns how many were deleted.
 */
export async function thinAnalyses(
  database: Queryable,
  { beforeMs, everyMs }: { readonly beforeMs: number; readonly everyMs: number },
): Promise<number> {
  const gone = await database.query<{ rows: number }>(
    `with old as (
       select experiment, revision, second, signature, analysis ->> 'analysisId' as analysis_id,
              signature is distinct from lag(signature) over by_time as changed,
              row_number() over (
                partition by experiment, revision, floor(extract(epoch from second) * 1000 / $2)
                order by analysed_at desc) as from_end
         from teststrip.analyses
        where second < to_timestamp($1::float8 / 1000)
       window by_time as (partition by experiment, revision order by analysed_at)
     ), gone as (
       delete from teststrip.analyses as held using old
        where not old.changed and old.from_end > 1
          and not exists (select 1 from teststrip.commands
                           where experiment = old.experiment and evidence ->> 'analysisId' = old.analysis_id)
          and (held.experiment, held.revision, held.second, held.signature)
            = (old.experiment, old.revision, old.second, old.signature)
       returning 1)
     select count(*)::integer as rows from gone`,
    [beforeMs, everyMs],
    { answerWithinMs: 600_000 },
  );
  return gone[0]?.rows ?? 0;
}
