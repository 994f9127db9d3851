import { z } from 'zod';
import { documented, variables } from '#libs/platform';

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const;

/** How brokers are reached and who signs in there, and what topics are created with. Read with `BUS=kafka` alone. */
export const kafkaVariables = {
  KAFKA_TLS: documented(
    z.enum(['on', 'off']).optional(),
    'Whether brokers are spoken to by TLS. `off` with KAFKA_SASL sends names and tokens readable by everybody on the way.',
    { defaultIs: 'on with one of the other KAFKA_TLS_… or with KAFKA_SASL, else off' },
  ),
  KAFKA_TLS_CA: documented(
    z.string().optional(),
    'File (PEM) with the certificates of the authorities that vouch for the brokers.',
    { defaultIs: 'those of Node.js' },
  ),
  KAFKA_TLS_CERT: documented(
    z.string().optional(),
    'File (PEM) with the certificate that brokers know this client by, its chain included.',
    { defaultIs: 'none' },
  ),
  KAFKA_TLS_KEY: documented(z.string().optional(), 'File (PEM) with its private key.', { defaultIs: 'none' }),
  KAFKA_SASL: documented(
    z.enum(MECHANISMS).optional(),
    'How the client signs in: `plain`, `scram-sha-256` or `scram-sha-512` with a name and a password, `oauthbearer` with a token.',
    { defaultIs: 'it does not' },
  ),
  KAFKA_SASL_USERNAME: documented(z.string().min(1).optional(), 'The name, for all mechanisms but `oauthbearer`.', {
    defaultIs: 'none',
  }),
  KAFKA_SASL_PASSWORD_FILE: documented(
    z.string().optional(),
    'File with the password, without a line break at its end or with one; read at the start.',
    { defaultIs: 'none' },
  ),
  KAFKA_SASL_TOKEN_FILE: documented(
    z.string().optional(),
    'File with the token of `oauthbearer`. It is read at every sign-in, also when a broker asks for the next one: whoever renews tokens writes it anew.',
    { defaultIs: 'none' },
  ),
  KAFKA_REPLICATION_FACTOR: documented(
    variables.integer.min(1).max(32_767).optional(),
    'Copies of each partition that topics are created with. Topics that are there keep theirs.',
    { defaultIs: '3, or as many as there are brokers' },
  ),
  KAFKA_MIN_INSYNC_REPLICAS: documented(
    variables.integer.min(1).max(32_767).optional(),
    'Copies that must have an event before it counts as published; topics are created with it.',
    { defaultIs: 'one fewer than there are copies, at least 1' },
  ),
  KAFKA_RETENTION_DAYS: documented(
    variables.number.min(1).max(3_650).default(7),
    'Age in days at which brokers delete events; topics are created with it. Compacted topics keep the newest of each key for ever, dead letters stay four times as long.',
  ),
} as const;

/** The settings of {@link kafkaVariables}. */
export type KafkaSettings = Partial<z.output<z.ZodObject<typeof kafkaVariables>>>;

/** Whether brokers are spoken to by TLS. */
export function usesTls(settings: KafkaSettings): boolean {
  const { KAFKA_TLS, KAFKA_TLS_CA, KAFKA_TLS_CERT, KAFKA_TLS_KEY, KAFKA_SASL } = settings;
  if (KAFKA_TLS !== undefined) return KAFKA_TLS === 'on';
  return [KAFKA_TLS_CA, KAFKA_TLS_CERT, KAFKA_TLS_KEY, KAFKA_SASL].some((given) => given !== undefined);
}

/** What is wrong with settings that are right one by one. */
export function kafkaProblems(settings: KafkaSettings): readonly string[] {
  return [...tlsProblems(settings), ...saslProblems(settings), ...replicaProblems(settings)];
}

function tlsProblems(settings: KafkaSettings): readonly string[] {
  const { KAFKA_TLS, KAFKA_TLS_CERT: cert, KAFKA_TLS_KEY: key } = settings;
  const problems: string[] = [];
  if (cert !== undefined && key === undefined)
    problems.push('KAFKA_TLS_KEY=(not set): KAFKA_TLS_CERT needs the file with its private key');
  if (key !== undefined && cert === undefined)
    problems.push('KAFKA_TLS_CERT=(not set): KAFKA_TLS_KEY needs the file with its certificate');
  const given = (['KAFKA_TLS_CA', 'KAFKA_TLS_CERT', 'KAFKA_TLS_KEY'] as const).filter(
    (name) => settings[name] !== undefined,
  );
  if (KAFKA_TLS === 'off' && given.length > 0)
    problems.push(`KAFKA_TLS=off: ${given.join(' and ')} would not be used; leave one or the other out`);
  return problems;
}

function saslProblems(settings: KafkaSettings): readonly string[] {
  const { KAFKA_SASL: mechanism } = settings;
  const needed = neededFor(mechanism);
  const all = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD_FILE', 'KAFKA_SASL_TOKEN_FILE'] as const;
  const missing = needed.filter((name) => settings[name] === undefined);
  const unused = all.filter((name) => settings[name] !== undefined && !needed.includes(name));
  return [
    ...missing.map((name) => `${name}=(not set): KAFKA_SASL=${mechanism} needs it`),
    ...unused.map((name) =>
      mechanism === undefined
        ? `KAFKA_SASL=(not set): ${name} is given; expected ${MECHANISMS.join(', ')}`
        : `${name}=${settings[name]}: KAFKA_SASL=${mechanism} does not use it`,
    ),
  ];
}

function neededFor(mechanism: KafkaSettings['KAFKA_SASL']): readonly (keyof KafkaSettings)[] {
  if (mechanism === undefined) return [];
  return mechanism === 'oauthbearer' ? ['KAFKA_SASL_TOKEN_FILE'] : ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD_FILE'];
}

function replicaProblems(settings: KafkaSettings): readonly string[] {
  const { KAFKA_REPLICATION_FACTOR: copies, KAFKA_MIN_INSYNC_REPLICAS: least } = settings;
  if (copies === undefined || least === undefined || least <= copies) return [];
  return [
    `KAFKA_MIN_INSYNC_REPLICAS=${least}: expected at most KAFKA_REPLICATION_FACTOR, which is ${copies}; nothing could be published`,
  ];
}
