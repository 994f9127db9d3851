import { describe, expect, it } from 'vitest';
import { processorMsOf } from '#libs/testing/processor-time';
import { problemInWords, problemsOfFile, readProblem } from './server-problem.js';

describe('a refusal of the server', () => {
  it('is told in its words, and with what to do where nobody was known', () => {
    const refused = readProblem(409, { title: 'Not in this state', detail: 'it has ended' });
    expect(problemInWords(refused!)).toBe('Not in this state: it has ended');
    const ways = 'POST /v1/experiments/a-b/new-attempt with {"actor": "…"} or GET /v1/services';
    expect(problemInWords(readProblem(409, { title: 'No', detail: ways })!)).toBe(
      'No: "teststrip new-attempt a-b -r …" or "teststrip get services"',
    );
    const unknown = readProblem(401, { title: 'Who are you?', detail: '' });
    expect(problemInWords(unknown!)).toMatch(/^Who are you\?\n.*teststrip login/);
    expect(problemInWords(unknown!, 'by --token alone')).toBe('Who are you?\nby --token alone');
  });

  it('of a file names the file as it was given, with its lines', () => {
    const problems = [{ line: 7, path: 'ramp', message: 'it falls' }, { message: 'no variants' }, 'nonsense'];
    const problem = readProblem(422, { title: 'The experiment file is wrong', problems });
    expect(problemsOfFile('a.yaml', problem!)).toBe('a.yaml:7: ramp: it falls\na.yaml: no variants');
    expect(problemsOfFile('a.yaml', readProblem(409, { title: 'No' })!)).toBeUndefined();
  });

  it('is none where another server answers', () => {
    expect(readProblem(502, undefined)).toBeUndefined();
    expect(readProblem(404, { error: 'not found' })).toBeUndefined();
    expect(readProblem(200, { title: 'Right' })).toBeUndefined();
  });
});

it.each([
  'POST /v1/services/g/retry with {"fingerprint": "g"',
  'POST /v1/experiments/a/b with {',
  'PUT /v1/services/a/b with {',
])('a refusal that says %s again and again is told at once', (way) => {
  const problem = readProblem(409, { title: 'No', detail: way.repeat(2_500) })!;
  expect(processorMsOf(() => problemInWords(problem))).toBeLessThan(100);
});
