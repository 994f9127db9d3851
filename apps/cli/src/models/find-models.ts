import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure, exitCodes } from '../exit-codes.js';

/** The model that a folder is, or those in the folders inside it. @throws CommandFailure when there is none */
export function findModels(folder: string): readonly string[] {
  if (isModel(folder)) return [folder];
  const inside = foldersIn(folder).filter(isModel);
  if (inside.length === 0) {
    throw new CommandFailure(
      exitCodes.usage,
      `${folder} holds no model: expected a config.json in it, or in a folder inside it`,
    );
  }
  return inside;
}

function isModel(folder: string): boolean {
  return existsSync(join(folder, 'config.json'));
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map(({ name }) => join(folder, name))
      .sort();
  } catch (error) {
    throw new CommandFailure(exitCodes.usage, `${folder} can't be read: ${(error as Error).message}`);
  }
}
