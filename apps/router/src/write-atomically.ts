import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A reader sees the old content or the new one, also after a power cut.
 * @param mode of the file, whatever it was before
 */
export async function writeAtomically(path: string, content: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
