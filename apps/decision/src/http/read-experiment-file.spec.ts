import { gzipSync } from 'node:zlib';
import { knownMetrics } from '#libs/evidence';
import { ProblemException, type ReadRequest } from '#libs/platform';
import { describe, expect, it } from 'vitest';
import { FILE_HEADER, readExperimentFile } from './read-experiment-file.js';

const CANARY = {
  apiVersion: 'teststrip/v1',
  key: 'sdxl-int8',
  service: 'text-to-image',
  kind: 'canary',
  variants: {
    control: {
      upstream: 'http://127.0.0.1:1',
      config: { checkpoint: 'a', sampler: 'ddim', steps: 30, precision: 'fp16' },
    },
    candidate: {
      upstream: 'http://127.0.0.1:2',
      config: { checkpoint: 'a', sampler: 'ddim', steps: 30, precision: 'int8' },
    },
  },
  guardrails: 'standard',
};
const TEXT = JSON.stringify(CANARY, null, 1);

function requestWith(bytes: Buffer): ReadRequest {
  return { headers: { [FILE_HEADER]: 'canary.yaml' }, rawBody: bytes } as unknown as ReadRequest;
}

function detailOf(bytes: Buffer): unknown {
  try {
    return readExperimentFile(requestWith(bytes), knownMetrics).spec.key;
  } catch (error) {
    if (!(error instanceof ProblemException)) throw error;
    return { status: error.getStatus(), detail: (error.getResponse() as { detail: string }).detail };
  }
}

describe('an experiment file that is sent', () => {
  it('may be JSON where YAML is expected, and begin with a byte order mark', () => {
    expect(detailOf(Buffer.from(TEXT))).toBe('sdxl-int8');
    expect(detailOf(Buffer.from(`\ufeff${TEXT}`))).toBe('sdxl-int8');
  });

  it('is read once, whoever asks for it', () => {
    const request = requestWith(Buffer.from(TEXT));
    expect(readExperimentFile(request, knownMetrics)).toBe(readExperimentFile(request, knownMetrics));
  });

  it.each([
    ['gzip', gzipSync(TEXT), 'canary.yaml:1: compressed with gzip: expected the text itself'],
    ['UTF-16', Buffer.from(`\ufeff${TEXT}`, 'utf16le'), 'canary.yaml:1: UTF-16 (or UTF-32): expected text in UTF-8'],
    [
      'UTF-16 without a mark',
      Buffer.from(TEXT, 'utf16le'),
      'canary.yaml:1: UTF-16 without a byte order mark: expected text in UTF-8',
    ],
    [
      'another encoding',
      Buffer.from('key: a\nservice: café\n', 'latin1'),
      'canary.yaml:2: not UTF-8: expected text in UTF-8',
    ],
  ])('is refused with file and line where it is %s', (_what, bytes, detail) => {
    expect(detailOf(bytes)).toEqual({ status: 422, detail });
  });
});
