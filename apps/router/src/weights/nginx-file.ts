import { ASSIGNMENT_HEADER, MILLION, NO_NAMES, REQUEST_ID_HEADER } from '#libs/contracts';
import { sha256Of } from '#libs/telemetry';
import type { UnitHeaders } from '../proxy/request-headers.js';
import { assignmentFrame } from './assignment-frame.js';
import { belowNumber } from './below-number.js';
import type { Split, SplitAssignment } from './split.js';

/** nginx reads two decimals of a percentage. */
export const NGINX_STEP_PPM = 100;

/** Longer names of variables would need larger hash tables than nginx has by itself. */
const LONGEST_NAME = 24;

/** Units that can stand in a header and in JSON as they are; everybody else is a unit of one request. */
const PLAIN_UNIT = /^[A-Za-z0-9][A-Za-z0-9_.~@+=:/-]*$/;
const PLAIN_UNIT_IN_NGINX = '"~^[A-Za-z0-9][A-Za-z0-9_.~@+=:/-]{0,255}$"';

export interface NginxFileOptions {
  /** Where nginx says what it serves: `127.0.0.1:8189` or `unix:/run/teststrip.sock`. */
  readonly probe: string;
  readonly unitHeaders: UnitHeaders;
  /** Milliseconds since the epoch from which on nginx serves control by itself; null: never. */
  readonly untilMs: number | null;
}

/** What a probe of nginx answers while it serves by a file. */
export function nginxMark(split: Split, { untilMs }: Pick<NginxFileOptions, 'untilMs'>): string {
  return `${split.epoch} ${sha256Of(JSON.stringify([split, untilMs])).slice(0, 16)}`;
}

/**
 * A file for the `http` level of nginx: pools of the variants, who gets which (`split_clients`), the assignment for `teststrip-assignment`, the format of
 * an access log that is evidence, and a server of its own that says what is served. A candidate's share lies at the beginning of the hash's
 * range, so that a larger one keeps whom the smaller one had.
 */
export function nginxFile(split: Split, options: NginxFileOptions): string {
  const id = nginxId(split.service);
  const lines = [
    ...headOf(split, id),
    ...poolsOf(split, id),
    ...(split.drawn === null ? undrawn(id) : drawnBy(split, split.drawn, { id, options })),
    ...targetsOf(split, id),
    logFormat(split.service, id),
    ...probeOf(split, options),
  ];
  return `${lines.join('\n')}\n`;
}

/** What nginx's variables about a service begin with. */
export function nginxId(service: string): string {
  const name = service.replaceAll('-', '_');
  if (name.length <= LONGEST_NAME) return `teststrip_${name}`;
  return `teststrip_${name.slice(0, LONGEST_NAME - 9)}_${sha256Of(service).slice(0, 8)}`;
}

function headOf({ service, epoch, targets, drawn }: Split, id: string): readonly string[] {
  const what = drawn === null ? 'no experiment' : `${drawn.experiment} revision ${drawn.revision}`;
  const shares = targets.map(({ name, sharePpm }) => `${name} ${percent(sharePpm)}`).join(', ');
  return [
    '# Written by Teststrip whenever an order comes; what is changed here by hand is lost. Where the service is served:',
    `#   proxy_pass $${id}_upstream;`,
    `#   proxy_set_header ${ASSIGNMENT_HEADER} $${id}_assignment;`,
    `#   proxy_set_header ${REQUEST_ID_HEADER} $request_id;`,
    `#   access_log /var/log/nginx/${service}.log ${id};`,
    `# ${service}: epoch ${epoch}, ${what}: ${shares}`,
  ];
}

/** Those that nobody is sent to are left out: a name that does not resolve would keep nginx from reading the file. */
function poolsOf({ targets }: Split, id: string): readonly string[] {
  return targets.flatMap(({ upstream, sharePpm }, index) => {
    if (sharePpm === 0 && index > 0) return [];
    return [`upstream ${id}_${index} { server ${serverOf(upstream.origin)}; keepalive 64; }`];
  });
}

function undrawn(id: string): readonly string[] {
  return [`map "" $${id}_target { default 0; }`, `map "" $${id}_assignment { default ""; }`];
}

interface Place {
  readonly id: string;
  readonly options: NginxFileOptions;
}

function drawnBy({ parts }: Split, drawn: NonNullable<Split['drawn']>, { id, options }: Place): readonly string[] {
  const { experiment, revision, unit, assignments, failSafe } = drawn;
  const frames = assignments.map((assignment, index) => `  1:${index} ${assignmentText(assignment, id)};`);
  return [
    ...unitMaps(unit, id, options.unitHeaders),
    `split_clients "arm:${experiment}:${revision}:$${id}_unit" $${id}_drawn {`,
    ...parts.slice(0, -1).map(({ target, fromPpm, toPpm }) => `  ${percent(toPpm - fromPpm)} ${target};`),
    `  * ${parts.at(-1)?.target ?? 0};`,
    '}',
    ...heldMap(options.untilMs, id),
    `map $${id}_held $${id}_target { 1 $${id}_drawn; default 0; }`,
    `map "$${id}_held:$${id}_target" $${id}_assignment {`,
    ...frames,
    `  default ${assignmentText(failSafe, id)};`,
    '}',
  ];
}

/** Who is drawn: the first header that names somebody, else the request. */
function unitMaps(unit: 'user' | 'session' | 'request', id: string, { user, session }: UnitHeaders): readonly string[] {
  if (unit === 'request') return [`map $request_id $${id}_unit { default $request_id; }`];
  const [first, second] = unit === 'user' ? [user, session] : [session, user];
  return [...unitMap(first, `$${id}_second`, `$${id}_unit`), ...unitMap(second, '$request_id', `$${id}_second`)];
}

function unitMap(header: string, otherwise: string, variable: string): readonly string[] {
  const value = `$http_${header.replaceAll('-', '_')}`;
  const words = [...NO_NAMES].filter((word) => PLAIN_UNIT.test(word)).map((word) => word.replaceAll('.', '\\.'));
  return [
    `map ${value} ${variable} {`,
    `  "~*^(?:${words.join('|')})$" ${otherwise};`,
    `  ${PLAIN_UNIT_IN_NGINX} ${value};`,
    `  default ${otherwise};`,
    '}',
  ];
}

/** 1 while the shares hold. */
function heldMap(untilMs: number | null, id: string): readonly string[] {
  if (untilMs === null) return [`map "" $${id}_held { default 1; }`];
  return [`map $msec $${id}_held { "~^${belowNumber(Math.floor(untilMs / 1000))}\\." 1; default 0; }`];
}

function assignmentText(assignment: SplitAssignment, id: string): string {
  const { beforeUnit, beforeTime, end } = assignmentFrame(assignment);
  return `"${beforeUnit}\${${id}_unit}${beforeTime}\${time_iso8601}${end}"`;
}

function targetsOf({ targets }: Split, id: string): readonly string[] {
  const mapTo = (variable: string, valueOf: (index: number) => string): readonly string[] => [
    `map $${id}_target $${id}_${variable} {`,
    ...targets.map((_, index) => `  ${index} "${valueOf(index)}";`),
    '}',
  ];
  const schemeOf = (index: number): string => new URL(targets[index]?.upstream.origin ?? 'http://x').protocol;
  return [
    ...mapTo('upstream', (index) => `${schemeOf(index)}//${id}_${index}`),
    ...mapTo('url', (index) => targets[index]?.upstream.url ?? ''),
    ...mapTo('variant', (index) => targets[index]?.name ?? ''),
  ];
}

function logFormat(service: string, id: string): string {
  const fields = {
    service,
    requestId: '$request_id',
    method: '$request_method',
    endedAt: '$msec',
    seconds: '$request_time',
    status: '$status',
    completion: '$request_completion',
    bytes: '$body_bytes_sent',
    assignment: `$${id}_assignment`,
    upstream: `$${id}_url`,
    instance: '$upstream_http_teststrip_instance',
    contentType: '$sent_http_content_type',
    retryAfter: '$sent_http_retry_after',
    cache: '$upstream_cache_status',
    traceparent: '$http_traceparent',
  };
  return `log_format ${id} escape=json '${JSON.stringify(fields)}';`;
}

function probeOf(split: Split, options: NginxFileOptions): readonly string[] {
  const mark = nginxMark(split, options);
  return [
    `server { listen ${options.probe}; access_log off; location / { default_type text/plain; return 200 "${mark}"; } }`,
  ];
}

/** `host:port`, with the port that the scheme implies. */
function serverOf(origin: string): string {
  const { protocol, hostname, port } = new URL(origin);
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

function percent(ppm: number): string {
  return `${((ppm / MILLION) * 100).toFixed(2)}%`;
}
