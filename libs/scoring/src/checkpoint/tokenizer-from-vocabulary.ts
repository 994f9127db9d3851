import { z } from 'zod';
import { notHonoured, parseFields } from './fields.js';

const START = '<|startoftext|>';
const END = '<|endoftext|>';

const vocabulary = z.record(z.string(), z.int().min(0));

/**
 * The `tokenizer.json` that transformers makes of CLIP's older pair of files (`CLIPTokenizer`): byte-level BPE over lowercase words, each
 * text between a start and an end token.
 *
 * @param content parsed `vocab.json`
 * @param merges `merges.txt`: a line with the version, then one pair a line
 * @throws ModelDirectoryError when `vocab.json` lacks a special token
 */
export function tokenizerFromVocabulary(file: string, content: unknown, merges: string): object {
  const vocab = parseFields(file, content, vocabulary);
  const [start, end] = [START, END].map((token) => {
    const id = vocab[token];
    if (id === undefined) throw notHonoured(file, token, null, 'the id of this token');
    return { id, content: token, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [start, end],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [END, vocab[END]],
      cls: [START, vocab[START]],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: END,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      vocab,
      merges: mergesOf(merges),
    },
  };
}

function mergesOf(text: string): readonly string[] {
  return text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version'));
}
