import { withoutTrailingSlashes } from '#libs/platform';

/** The page of an experiment; undefined where nobody has said where pages are. */
export function experimentLink(pageUrl: string | undefined, experiment: string): string | undefined {
  return pageUrl === undefined
    ? undefined
    : `${withoutTrailingSlashes(pageUrl)}/experiments/${encodeURIComponent(experiment)}`;
}
