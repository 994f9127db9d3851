import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stack } from './stack.js';

/** As many of each kind and variant as the reports service can be asked for. */
const MOST_SHOWN = 50;

/**
 * The pictures of the stories that were played. A story makes tens of thousands; the page can show a few hundred of them, and those stay as
 * long as the data folder does.
 */
export class StoredPictures {
  private readonly tidied = new Set<string>();

  constructor(private readonly stack: Pick<Stack, 'pictureFolder' | 'reportsUrl'>) {}

  /**
   * Deletes what the page can't show of every finished story but `newest`, whose last pictures may still be waited for by the scorer. Where the reports
   * service does not answer, everything stays.
   */
  async tidyAllBut(newest: string): Promise<void> {
    for (const story of await readdir(this.stack.pictureFolder).catch(() => [])) {
      if (story === newest || this.tidied.has(story)) continue;
      const shown = await this.shownOf(story).catch(() => undefined);
      if (shown === undefined) continue;
      await this.deleteOthers(join(this.stack.pictureFolder, story), shown);
      this.tidied.add(story);
    }
  }

  private async shownOf(experiment: string): Promise<ReadonlySet<string>> {
    const answer = await fetch(
      new URL(`/api/experiments/${experiment}/pictures?limit=${MOST_SHOWN}`, this.stack.reportsUrl),
    );
    if (!answer.ok) throw new Error(`the reports service answered ${answer.status}`);
    const { variants } = (await answer.json()) as {
      variants: readonly Record<'latest' | 'worstAligned', readonly { generationId: string }[]>[];
    };
    return new Set(
      variants
        .flatMap(({ latest, worstAligned }) => [...latest, ...worstAligned])
        .map(({ generationId }) => generationId),
    );
  }

  private async deleteOthers(folder: string, shown: ReadonlySet<string>): Promise<void> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (entry.isFile() && !shown.has(entry.name.replace(/\.png$/, '')))
        await unlink(join(entry.parentPath, entry.name));
    }
  }
}
