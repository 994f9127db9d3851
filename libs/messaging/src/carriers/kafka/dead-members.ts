import { Logger } from '@nestjs/common';
import type { Admin, Kafka } from 'kafkajs';
import type { MemberWitness } from '../../event-bus.js';
import { ClientCluster } from './client-cluster.js';

/** What is used of the client's inside: signing off is for a member's own consumer there. */
interface Coordinator {
  leaveGroup(member: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
}

export interface DeadMembersOptions {
  readonly kafka: Kafka;
  readonly admin: Pick<Admin, 'describeGroups'>;
  readonly group: string;
  readonly witness: MemberWitness;
}

const LOOK_EVERY_MS = 500;

/**
 * Signs the members of a group off that have died by the word of a witness, in their name: their partitions then go to the others at once, and a member that comes waits for
 * nobody who is gone. Who was signed off and lives joins again, as after a session time-out.
 */
export class DeadMembers {
  private readonly logger = new Logger('kafka');
  private readonly client: ClientCluster<Coordinator>;
  private readonly timer: NodeJS.Timeout;
  private own: string | undefined;
  private looking: Promise<void> | undefined;
  private readonly deaths = new Deaths();

  constructor(private readonly options: DeadMembersOptions) {
    this.client = new ClientCluster(options.kafka);
    const look = (): void => {
      // Who can't look now does so the next time: the session time-out stays.
      this.looking ??= this.look()
        .catch(() => undefined)
        .finally(() => (this.looking = undefined));
    };
    this.timer = setInterval(look, LOOK_EVERY_MS);
  }

  /** Under this name the broker knows this process. */
  joined(member: string): void {
    this.own = member;
    void this.options.witness.enter(member).catch(() => undefined);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
    await this.client.close();
  }

  private async look(): Promise<void> {
    const { admin, group, witness } = this.options;
    if (this.own === undefined) return;
    await witness.enter(this.own);
    const [described] = (await admin.describeGroups([group])).groups;
    const others = (described?.members ?? []).map(({ memberId }) => memberId).filter((member) => member !== this.own);
    const missing = others.length === 0 ? [] : await witness.missing(others);
    const dead = this.deaths.look({ members: others, missing, isSettled: described?.state === 'Stable' });
    for (const member of dead) await this.signOff(member);
  }

  private async signOff(memberId: string): Promise<void> {
    const { group: groupId } = this.options;
    const cluster = await this.client.connected();
    const coordinator = await cluster.findGroupCoordinator({ groupId });
    try {
      await coordinator.leaveGroup({ groupId, memberId });
    } catch (error) {
      // Another one was first.
      if ((error as { readonly type?: string }).type === 'UNKNOWN_MEMBER_ID') return;
      throw error;
    }
    this.logger.warn(`${memberId} of the group ${groupId} has died and is signed off: its partitions go to the others`);
  }
}

/** What one look at a group shows. */
interface GroupSeen {
  readonly members: readonly string[];
  /** Those of whom the witness knows nothing. */
  readonly missing: readonly string[];
  /** Nobody is joining. */
  readonly isSettled: boolean;
}

/**
 * Tells who has died from who has only just joined: who joins hears of its own name late, where the group waits for others, and enters then. So who was never seen alive is dead only
 * when it is missing at two looks in a row at a group that is settled.
 */
export class Deaths {
  private alive: ReadonlySet<string> = new Set();
  private suspected: ReadonlySet<string> = new Set();

  /** @returns the dead */
  look({ members, missing, isSettled }: GroupSeen): readonly string[] {
    const gone = new Set(missing);
    const dead = missing.filter((member) => this.alive.has(member) || (isSettled && this.suspected.has(member)));
    this.suspected = new Set(isSettled ? missing : []);
    this.alive = new Set(members.filter((member) => !gone.has(member) || this.alive.has(member)));
    return dead;
  }
}
