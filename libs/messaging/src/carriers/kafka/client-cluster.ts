import type { Kafka } from 'kafkajs';

/** What is used of the client's inside, which offers no other way to it. */
interface Cluster<Broker> {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findControllerBroker(): Promise<Broker>;
  findGroupCoordinator(group: { readonly groupId: string }): Promise<Broker>;
}

/** Connections of its own to the brokers, made when they are first needed, and again after that has failed. */
export class ClientCluster<Broker> {
  private cluster: Promise<Cluster<Broker>> | undefined;

  constructor(private readonly kafka: Kafka) {}

  /** @throws what the client fails with when no broker answers */
  connected(): Promise<Cluster<Broker>> {
    this.cluster ??= this.connect().catch((error: unknown) => {
      this.cluster = undefined;
      throw error;
    });
    return this.cluster;
  }

  async close(): Promise<void> {
    const cluster = await this.cluster?.catch(() => undefined);
    await cluster?.disconnect();
  }

  private async connect(): Promise<Cluster<Broker>> {
    const inside = this.kafka as unknown as Record<symbol, (options: object) => Cluster<Broker>>;
    const create = Object.getOwnPropertySymbols(inside).find(
      ({ description }) => description === 'private:Kafka:createCluster',
    );
    if (create === undefined)
      throw new Error('this version of kafkajs is built otherwise: its connections can not be used');
    const cluster = inside[create]!({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
    await cluster.connect();
    return cluster;
  }
}
