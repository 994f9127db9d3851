import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hostAndPort } from './broker-door.js';
import { createKafkaBus } from './kafka-bus.js';

const run = promisify(execFile);
const KAFKA_VERSION = '4.3.0';
const LOG4J_VERSION = '2.24.3';
/** On a machine that does much else Java alone takes a minute. */
const READY_TIMEOUT_MS = 120_000;

export interface StartKafkaOptions {
  /** Brokers that run already (KAFKA_BROKERS); then nothing is started. */
  readonly brokers?: readonly string[];
  /** Where the broker's jars are kept between starts. Default `.teststrip/kafka`. */
  readonly cacheDir?: string;
  /** In which the broker's own folder is made, where it is a process of ours. Default: the system's for temporary files. */
  readonly dataDir?: string;
  /** Is told the broker's open port before it starts, and says at which one its clients reach it: of something that stands between them. */
  readonly reachedAt?: (port: number) => Promise<number>;
  readonly onProgress?: (line: string) => void;
  /** More doors beside the open one, where the broker is a process of ours. */
  readonly listeners?: readonly KafkaListener[];
  /** Accounts as the broker's storage is formatted with: `SCRAM-SHA-512=[name=…,password=…]`. */
  readonly scramAccounts?: readonly string[];
}

/** A door of the broker at a port of its own, on loopback. */
export interface KafkaListener {
  /** In capitals. */
  readonly name: string;
  readonly protocol: 'SSL' | 'SASL_SSL' | 'SASL_PLAINTEXT';
  /** Its settings, as a broker has them, without `listener.name.<name>.` before them. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface RunningKafka {
  readonly brokers: readonly string[];
  /** How the broker came about, for people. */
  readonly how: string;
  stop(): Promise<void>;
  /** `host:port` of the other listeners by name; empty where the broker is none of ours. */
  readonly doors: Readonly<Record<string, string>>;
  /** Present where the broker is a process of ours: it can be killed, and comes back at its address with what it had written. */
  readonly crash?: () => Promise<void>;
  readonly startAgain?: () => Promise<void>;
  /** Whether that process has ended by itself, as on a disk that is full. */
  readonly isGone?: () => boolean;
}

/** No broker can be had on this machine; the message says what is missing. */
export class NoKafkaError extends Error {
  override readonly name = 'NoKafkaError';
}

/**
 * A real Apache Kafka broker on this machine: the given one, else a container, else Java with jars that Maven fetches.
 * @throws NoKafkaError saying what to install
 */
export async function startKafka(options: StartKafkaOptions = {}): Promise<RunningKafka> {
  const { brokers, onProgress = () => undefined } = options;
  if (brokers && brokers.length > 0) {
    await waitUntilReady(brokers, () => null);
    return { brokers, how: `the broker at ${brokers.join(', ')}`, doors: {}, stop: () => Promise.resolve() };
  }
  if (await works('docker', ['info', '--format', '{{.ServerVersion}}'])) return startContainer(onProgress);
  const [java, maven] = await Promise.all([works('java', ['-version']), works('mvn', ['--version'])]);
  if (java && maven) return startJava(resolve(options.cacheDir ?? '.teststrip/kafka'), onProgress, options);
  throw new NoKafkaError(
    'no Kafka broker: set KAFKA_BROKERS to a running one, or start a Docker daemon, or install Java 17 and Maven ' +
      `(${java ? 'Maven is missing' : 'Java is missing'} here)`,
  );
}

async function startContainer(onProgress: (line: string) => void): Promise<RunningKafka> {
  const [port] = await freePorts(1);
  const name = `teststrip-kafka-${port}`;
  onProgress(`starting apache/kafka:${KAFKA_VERSION} in a container`);
  const settings = {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
  };
  const environment = Object.entries(settings).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
  await run('docker', [
    'run',
    '-d',
    '--rm',
    '--name',
    name,
    '-p',
    `127.0.0.1:${port}:9092`,
    ...environment,
    `apache/kafka:${KAFKA_VERSION}`,
  ]);
  const brokers = [`127.0.0.1:${port}`];
  const stop = async (): Promise<void> => {
    await run('docker', ['rm', '-f', name]);
  };
  return readyOr(stop, brokers, () => null, `a container of apache/kafka:${KAFKA_VERSION}`);
}

async function startJava(
  cacheDir: string,
  onProgress: (line: string) => void,
  { listeners = [], scramAccounts = [], dataDir = tmpdir(), reachedAt }: StartKafkaOptions,
): Promise<RunningKafka> {
  const lib = join(cacheDir, `kafka-${KAFKA_VERSION}`);
  if (!existsSync(lib)) await fetchJars(cacheDir, lib, onProgress);
  const data = await mkdtemp(join(dataDir, 'teststrip-kafka-'));
  const [port, controllerPort, ...otherPorts] = (await freePorts(2 + listeners.length)) as [
    number,
    number,
    ...number[],
  ];
  const doors = listeners.map((listener, index) => ({ ...listener, port: otherPorts[index]! }));
  const reachedPort = (await reachedAt?.(port)) ?? port;
  const properties = join(data, 'server.properties');
  const logging = join(data, 'log4j2.xml');
  await writeFile(
    properties,
    serverProperties({ port, reachedPort, controllerPort, doors, logDir: join(data, 'log') }),
  );
  await writeFile(logging, LOG4J_XML);
  // Kafka asks no address for keys of tokens that it was not told to trust.
  const anywhere = '-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=' + jwksUrls(listeners).join(',');
  const java = ['-cp', `${lib}/*`, `-Dlog4j2.configurationFile=${logging}`, anywhere];
  const accounts = scramAccounts.flatMap((account) => ['--add-scram', account]);
  onProgress(`starting Kafka ${KAFKA_VERSION} on 127.0.0.1:${port}`);
  const { stdout } = await run('java', [...java, 'kafka.tools.StorageTool', 'random-uuid']);
  await run('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', stdout.trim(), '-c', properties, ...accounts]);
  const brokers = [`127.0.0.1:${reachedPort}`];
  const broker = new JavaBroker([...HEAP, ...java, 'kafka.Kafka', properties]);
  const stop = async (): Promise<void> => {
    await broker.end();
    await rm(data, { recursive: true, force: true });
  };
  broker.spawn();
  const how = `Kafka ${KAFKA_VERSION} with this machine's Java`;
  const running = await readyOr(stop, brokers, () => broker.ended(), how);
  return {
    ...running,
    doors: Object.fromEntries(doors.map(({ name, port: own }) => [name, `127.0.0.1:${own}`])),
    crash: () => broker.kill(),
    isGone: () => broker.ended() !== null,
    async startAgain() {
      broker.spawn();
      await waitUntilReady(brokers, () => broker.ended());
    },
  };
}

const HEAP = ['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** The broker's process, which ends with ours. */
class JavaBroker {
  private process: ChildProcess | undefined;
  private lastWords: string[] = [];
  private readonly endWithUs = (): void => void this.process?.kill('SIGKILL');

  constructor(private readonly command: readonly string[]) {}

  spawn(): void {
    const started = spawn('java', this.command, { stdio: ['ignore', 'ignore', 'pipe'] });
    const words: string[] = [];
    started.stderr?.on('data', (chunk: Buffer) => words.push(chunk.toString()));
    this.process = started;
    this.lastWords = words;
    process.once('exit', this.endWithUs);
  }

  /** Why it is not there any more; null: it is. */
  ended(): string | null {
    const { exitCode = null } = this.process ?? {};
    return exitCode === null ? null : `the broker ended with ${exitCode}: ${this.lastWords.join('').slice(-2_000)}`;
  }

  async kill(): Promise<void> {
    await this.endBy('SIGKILL');
  }

  async end(): Promise<void> {
    await this.endBy('SIGTERM');
  }

  private async endBy(signal: NodeJS.Signals): Promise<void> {
    process.off('exit', this.endWithUs);
    if (this.process) await endProcess(this.process, signal);
  }
}

async function readyOr(
  stop: () => Promise<void>,
  brokers: readonly string[],
  ended: () => string | null,
  how: string,
): Promise<RunningKafka> {
  try {
    await waitUntilReady(brokers, ended);
    return { brokers, how, doors: {}, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function waitUntilReady(brokers: readonly string[], ended: () => string | null): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      // The client complains at length about a port that is not open yet.
      await Promise.any(brokers.map(connects));
      const bus = await createKafkaBus({ brokers, clientId: 'teststrip-start' });
      await bus.ping();
      await bus.close();
      return;
    } catch (error) {
      const why = ended();
      if (why !== null) throw new Error(why, { cause: error });
      if (Date.now() > deadline)
        throw new Error(`no answer from ${brokers.join(', ')} within ${READY_TIMEOUT_MS} ms`, { cause: error });
      await sleep(200);
    }
  }
}

function connects(broker: string): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect(hostAndPort(broker));
    socket.once('connect', () => {
      socket.destroy();
      done();
    });
    socket.once('error', fail);
  });
}

async function fetchJars(cacheDir: string, lib: string, onProgress: (line: string) => void): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const work = await mkdtemp(join(cacheDir, 'fetch-'));
  onProgress(`fetching Kafka ${KAFKA_VERSION} with Maven (about 43 MB, once)`);
  await writeFile(join(work, 'pom.xml'), POM);
  await run(
    'mvn',
    [
      '-q',
      '-B',
      '-f',
      join(work, 'pom.xml'),
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${join(work, 'lib')}`,
    ],
    {
      maxBuffer: 16 * 1024 * 1024,
    },
  );
  // Several may fetch at once; the first one wins.
  await rename(join(work, 'lib'), lib).catch((error: NodeJS.ErrnoException) => {
    if (!existsSync(lib)) throw error;
  });
  await rm(work, { recursive: true, force: true });
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, [...args], { timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await ended;
  clearTimeout(force);
}

interface BrokerPorts {
  readonly port: number;
  /** Where clients reach that port. */
  readonly reachedPort: number;
  readonly controllerPort: number;
  readonly doors: readonly (KafkaListener & { readonly port: number })[];
  readonly logDir: string;
}

function serverProperties({ port, reachedPort, controllerPort, doors, logDir }: BrokerPorts): string {
  const open = [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT', port }, ...doors];
  const address = (door: (typeof open)[number]): string => `${door.name}://127.0.0.1:${door.port}`;
  const advertised = [{ ...open[0]!, port: reachedPort }, ...doors].map(address).join(',');
  const addresses = open.map(address).join(',');
  const protocols = open.map(({ name, protocol }) => `${name}:${protocol}`).join(',');
  const settings = doors.flatMap((door) =>
    Object.entries(door.settings).map(([key, value]) => `listener.name.${door.name.toLowerCase()}.${key}=${value}`),
  );
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=${addresses},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=${advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=${protocols},CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
${settings.join('\n')}
log.dirs=${logDir}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
`;
}

/** Where listeners get the keys of tokens. */
function jwksUrls(listeners: readonly KafkaListener[]): readonly string[] {
  return listeners.flatMap(({ settings }) =>
    Object.entries(settings).flatMap(([key, value]) => (key.endsWith('jwks.endpoint.url') ? [value] : [])),
  );
}

const LOG4J_XML = `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="OFF"><Appenders><Console name="err" target="SYSTEM_ERR"><PatternLayout pattern="%d %p %m (%c)%n"/></Console></Appenders>
<Loggers><Root level="ERROR"><AppenderRef ref="err"/></Root></Loggers></Configuration>
`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>teststrip</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>${LOG4J_VERSION}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>${LOG4J_VERSION}</version></dependency>
</dependencies></project>
`;
