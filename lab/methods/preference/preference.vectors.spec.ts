import { lnEPreference } from '#libs/statistics';
import { describeVectors } from '#libs/testing/figures';
import { bradleyTerry, bradleyTerryLnLikelihood } from './bradley-terry.js';
import { fixedSignTestP } from './fixed-sign-test.js';

describeVectors('preference', ({ id, inputs }) => {
  if (id.startsWith('pref-sign')) {
    const votes = inputs as unknown as { wins: number; losses: number };
    return {
      log_e_jeffreys: lnEPreference(votes),
      log_e_uniform: lnEPreference(votes, 'uniform'),
      fixed_n_sign_p: fixedSignTestP(votes),
    };
  }
  const { data, params, n_items } = inputs as unknown as {
    data: [number, number][];
    params?: number[];
    n_items: number;
  };
  const wins = winsOf(data, params?.length ?? n_items);
  if (params) return { value: bradleyTerryLnLikelihood(wins, params) };
  const fitted = bradleyTerry(wins);
  return { ml: fitted.missing === null ? fitted.strengths : fitted.missing };
});

function winsOf(data: readonly (readonly [number, number])[], variants: number): number[][] {
  const wins = Array.from({ length: variants }, () => Array.from({ length: variants }, () => 0));
  for (const [winner, loser] of data)
    (wins[winner] as number[])[loser] = ((wins[winner] as number[])[loser] as number) + 1;
  return wins;
}
