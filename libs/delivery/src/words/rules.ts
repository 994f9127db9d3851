import type { AbsoluteLimit, Guardrail } from '#libs/contracts';
import { number, percentOf } from './numbers.js';

/** "1 %", "5 % or at least 0.001", "0.005, any harm rolls back". */
export function guardrailInWords({ margin, rollbackOn, weight }: Guardrail): string {
  const size = margin.kind === 'relative' ? percentOf(margin.value) : number(margin.value);
  const floor = margin.floor === undefined ? '' : ` or at least ${number(margin.floor)}`;
  const harm = rollbackOn === 'any-harm' ? ', any harm rolls back' : '';
  return `${size}${floor}${harm}${weight === undefined ? '' : `, weight ${number(weight)}`}`;
}

/** "at most 0.05". */
export function limitRuleInWords({ kind, value }: AbsoluteLimit): string {
  return `${kind === 'at-most' ? 'at most' : 'at least'} ${number(value)}`;
}
