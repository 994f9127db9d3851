import { join } from 'node:path';
import { z } from 'zod';
import { clipTokenizer, type ClipTokenizer } from '../text/clip-tokenizer.js';
import { siglipTokenizer } from '../text/siglip-tokenizer.js';
import type { CheckpointDescription, Family } from './description.js';
import { ModelDirectoryError } from './errors.js';
import { notHonoured, parseFields } from './fields.js';
import { pictureStepsOf } from './picture-steps.js';
import { readJsonFile, readTextFile } from './read-file.js';
import { tokenizerFromVocabulary } from './tokenizer-from-vocabulary.js';
import { siglipConfigOf } from './siglip-towers.js';
import { clipConfigOf, type TowersConfig } from './towers.js';

const anyJson = z.looseObject({});
const anyConfig = z.looseObject({ model_type: z.enum(['clip', 'siglip']) });

interface FamilyReader {
  config(file: string, content: unknown): TowersConfig;
  tokenizer(json: object, config: object, contextLength: number): ClipTokenizer;
}

const FAMILIES: Readonly<Record<Family, FamilyReader>> = {
  clip: { config: clipConfigOf, tokenizer: clipTokenizer },
  siglip: { config: siglipConfigOf, tokenizer: siglipTokenizer },
};

export interface DescribedCheckpoint {
  readonly description: CheckpointDescription;
  readonly tokenizer: ClipTokenizer;
}

/**
 * Reads what a Hugging Face directory says of its model, weights aside: `config.json`, `preprocessor_config.json` or
 * `processor_config.json`, and `tokenizer.json` or `vocab.json` with `merges.txt`.
 *
 * @param files what the directory holds
 * @throws ModelDirectoryError that names the file and the field that can't be honoured
 */
export async function describeCheckpoint(directory: string, files: readonly string[]): Promise<DescribedCheckpoint> {
  const configFile = join(directory, 'config.json');
  const content = await readJsonFile(configFile);
  const { model_type: family } = parseFields(configFile, content, anyConfig);
  const { endOfText: announced, ...config } = FAMILIES[family].config(configFile, content);
  const tokenizer = await readTokenizer(directory, files, { family, contextLength: config.text.contextLength });
  const { endOfText } = tokenizer;
  if (announced !== null && !announced.includes(endOfText)) {
    const expected = `${endOfText}, with which the tokenizer ends a text`;
    throw notHonoured(configFile, 'text_config.eos_token_id', announced, expected);
  }
  if (endOfText >= config.text.vocabulary) {
    const expected = `more than ${endOfText}, the tokenizer's end of text`;
    throw notHonoured(configFile, 'text_config.vocab_size', config.text.vocabulary, expected);
  }
  return {
    description: {
      family,
      ...config,
      text: { ...config.text, endOfText },
      pictures: await readPictureSteps(directory, files, { family, side: config.image.side }),
    },
    tokenizer,
  };
}

async function readPictureSteps(
  directory: string,
  files: readonly string[],
  { family, side }: { readonly family: Family; readonly side: number },
): Promise<CheckpointDescription['pictures']> {
  if (files.includes('processor_config.json')) {
    const file = join(directory, 'processor_config.json');
    const { image_processor: processor } = parseFields(file, await readJsonFile(file), anyJson);
    // transformers prefers it since version 5; earlier ones wrote a file without it.
    if (processor !== undefined) return pictureStepsOf(`${file}: image_processor`, processor, { family, side });
  }
  const file = join(directory, 'preprocessor_config.json');
  return pictureStepsOf(file, await readJsonFile(file), { family, side });
}

async function readTokenizer(
  directory: string,
  files: readonly string[],
  { family, contextLength }: { readonly family: Family; readonly contextLength: number },
): Promise<ClipTokenizer> {
  const path = (name: string): string => join(directory, name);
  const config = files.includes('tokenizer_config.json')
    ? parseFields(path('tokenizer_config.json'), await readJsonFile(path('tokenizer_config.json')), anyJson)
    : {};
  const file = files.includes('tokenizer.json') ? path('tokenizer.json') : path('vocab.json');
  const json = files.includes('tokenizer.json')
    ? parseFields(file, await readJsonFile(file), anyJson)
    : tokenizerFromVocabulary(file, await readJsonFile(file), await readTextFile(path('merges.txt')));
  try {
    return FAMILIES[family].tokenizer(json, config, contextLength);
  } catch (error) {
    throw new ModelDirectoryError(`${file}: ${(error as Error).message}`, { cause: error });
  }
}
