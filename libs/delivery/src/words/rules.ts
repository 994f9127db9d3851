import { amountInFile, marginInFile, type AbsoluteLimit, type Guardrail, type KnownMetric } from '#libs/contracts';
import { number } from './numbers.js';

/** A guardrail as its file says it: "-1%", "+0.5pp", "+10%, any harm rolls back". @param metric undefined: one of before that there is no more. */
export function guardrailInWords({ margin, rollbackOn, weight }: Guardrail, metric: KnownMetric | undefined): string {
  const size = metric ? marginInFile(margin, metric) : number(margin.value);
  const harm = rollbackOn === 'any-harm' ? ', any harm rolls back' : '';
  return `${size}${harm}${weight === undefined ? '' : `, weight ${number(weight)}`}`;
}

/** "at most 5%", "at most 8000ms". */
export function limitRuleInWords({ kind, value }: AbsoluteLimit, metric: KnownMetric | undefined): string {
  const size = metric ? amountInFile(value, metric, '%') : number(value);
  return `${kind === 'at-most' ? 'at most' : 'at least'} ${size}`;
}
