import { z } from 'zod';
import { messageAt } from '#libs/contracts';

const placed = z.looseObject({ line: z.number().optional(), path: z.string().optional(), message: z.string() });
/** Problem details (RFC 9457), as far as they are told. */
const serverProblem = z.looseObject({
  type: z.string().default('about:blank'),
  title: z.string().default(''),
  detail: z.string().default(''),
  problems: z.array(z.unknown()).optional(),
});
export type ServerProblem = z.infer<typeof serverProblem> & { readonly status: number };

/** Undefined where the answer is no problem of Teststrip's. */
export function readProblem(status: number, body: unknown): ServerProblem | undefined {
  if (status < 400) return undefined;
  const read = serverProblem.safeParse(body);
  if (read.success && read.data.title !== '') return { ...read.data, status };
  return undefined;
}

/** What is wrong and what to do, in words. */
export function problemInWords({ status, title, detail }: ServerProblem, logIn = HOW_TO_LOG_IN): string {
  if (status === 401) return `${said(title, detail)}\n${logIn}`;
  if (status === 403) return `${said(title, detail)}\nWhoever runs this Teststrip can give your token another role.`;
  if (status === 503) return `${said(title, detail)}\nTry it again in a moment.`;
  return said(title, detail);
}

/** Problems of a file with its own name before each, one a line; undefined where the server named no places. */
export function problemsOfFile(file: string, { problems = [] }: ServerProblem): string | undefined {
  const lines = problems.flatMap((problem) => {
    const { data } = placed.safeParse(problem);
    if (data === undefined) return [];
    const place = data.line === undefined ? file : `${file}:${data.line}`;
    return [`${place}: ${messageAt(data.path ?? '', data.message)}`];
  });
  return lines.length === 0 ? undefined : lines.join('\n');
}

const HOW_TO_LOG_IN =
  'Say who you are: "teststrip login" stores a token, and --token or TESTSTRIP_TOKEN gives one for this command.';

function said(title: string, detail: string): string {
  return detail === '' ? title : `${title}: ${asCommands(detail)}`;
}

/** What helps is said in the server's own routes: here they have names. */
export function asCommands(detail: string): string {
  return detail
    .replace(/POST \/v1\/experiments\/([\w.-]+)\/([a-z-]+)(?: with \{[^{}]*\})?/g, '"teststrip $2 $1 -r …"')
    .replace(
      /POST \/v1\/services\/([\w.-]+)\/retry with \{"fingerprint": "([\w-]+)"[^{}]*\}/g,
      '"teststrip retry --service $1 --fingerprint $2 -r …"',
    )
    .replace(
      /(?:POST|PUT) \/v1\/services\/([\w.-]+)\/([a-z-]+)(?: with \{[^{}]*\})?/g,
      '"teststrip service $2 $1 -r …"',
    )
    .replace(/GET \/v1\/(experiments|services)(?![/\w])/g, '"teststrip get $1"');
}
