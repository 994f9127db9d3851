import { readFile } from 'node:fs/promises';
import { ModelDirectoryError } from './errors.js';

/** @throws ModelDirectoryError when the file can't be read or is no JSON */
export async function readJsonFile(path: string): Promise<unknown> {
  const text = await readTextFile(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ModelDirectoryError(`${path} is no JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws ModelDirectoryError when the file can't be read */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ModelDirectoryError(`${path} can't be read: ${(error as Error).message}`, { cause: error });
  }
}
