import { randomInt } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { Database, DatabaseSession } from '#libs/persistence';
import { GroupMember, partitionKeyOf, type GroupShare, type HeldPartition } from './group-member.js';
import { endHungMembers, enter, leave, membersOf, tryLock, unlock } from './locks.js';
import { OutageLog } from './outage-log.js';

export const MEMBERS_CHANNEL = 'bus_members';

interface Consumption {
  /** Begins to consume partitions whose locks were just taken. */
  start(member: GroupMember, shares: readonly GroupShare[]): Promise<HeldPartition[]>;
  /** Writes the position down after the last batch. */
  finish(held: HeldPartition): Promise<void>;
  /** The lock is gone: what is handled from now on moves nothing. */
  lose(held: HeldPartition): void;
}

/**
 * Shares partitions among the members of groups, in all processes, with nothing but advisory locks of one session per process:
 * one lock shows that a member lives, one per partition keeps two members apart. Every member computes the same shares from the
 * same list, gives back what is not its own any more, and takes its own as soon as it is free.
 */
export class GroupCoordinator {
  private readonly logger = new Logger('event-bus');
  private readonly outage = new OutageLog('look at the members of the groups');
  private readonly members = new Set<GroupMember>();
  /** Members that hold their whole share. */
  private readonly complete = new WeakSet<GroupMember>();
  private session: DatabaseSession | undefined;
  private running: Promise<void> | undefined;
  private wanted = false;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly beat: NodeJS.Timeout;
  private lookedForHungAtMs = 0;

  constructor(
    private readonly database: Database,
    private readonly consumption: Consumption,
    /** How often to look for members that died without a word, milliseconds. */
    private readonly checkEveryMs: number,
    /** How long a member's session may ask nothing before others end it, milliseconds. */
    private readonly hungAfterMs: number,
  ) {
    // A look that waits for somebody's positions must not be taken for a process that hangs.
    this.beat = setInterval(() => this.showLife(), hungAfterMs / 4).unref();
  }

  join(member: GroupMember): void {
    this.members.add(member);
    this.look();
  }

  /** Gives everything back and resolves when the others may have it. */
  async leave(member: GroupMember): Promise<void> {
    member.leaving = true;
    member.neverReady(new Error('the subscription was closed before it was ready'));
    await Promise.all([...member.held.values()].map((held) => this.release(member, held)));
    await this.running;
    await Promise.all([...member.held.values()].map((held) => this.release(member, held)));
    this.members.delete(member);
    const { session } = this;
    if (!session || session.closed || member.memberId === undefined) return;
    const { memberId } = member;
    member.memberId = undefined;
    try {
      for (const { groupId } of member.topics) await leave(session, groupId, memberId);
    } catch {
      // The session is lost, and with it what was to be given back.
    }
    await this.tell();
  }

  /** Looks at the members now, or again right after the look that is under way. */
  look(): void {
    this.wanted = true;
    if (this.closed) return;
    this.running ??= this.lookUntilDone().finally(() => {
      this.running = undefined;
      this.lookAgainIn(this.waiting() ? Math.min(100, this.checkEveryMs) : this.checkEveryMs);
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.members].map((member) => this.leave(member)));
    this.closed = true;
    clearTimeout(this.timer);
    clearInterval(this.beat);
    await this.running;
    await this.session?.release();
  }

  private lookAgainIn(ms: number): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => this.look(), ms);
  }

  /** Some member does not have its whole share yet. */
  private waiting(): boolean {
    return [...this.members].some((member) => member.memberId === undefined || !this.complete.has(member));
  }

  private async lookUntilDone(): Promise<void> {
    while (this.wanted && !this.closed) {
      this.wanted = false;
      try {
        await this.share(await this.connected());
        this.outage.worked();
      } catch (error) {
        if (!this.closed) this.outage.failed(error);
        return;
      }
    }
  }

  private async connected(): Promise<DatabaseSession> {
    if (this.session && !this.session.closed) return this.session;
    const session = await this.database.session();
    this.session = session;
    session.onLost((error) => this.lost(error));
    return session;
  }

  /** Without the session the locks are gone, and with them every partition. */
  private lost(error: Error): void {
    this.logger.warn(`lost the session that holds the partitions: ${error.message}`);
    for (const member of this.members) {
      member.memberId = undefined;
      this.complete.delete(member);
      for (const held of member.held.values()) {
        this.consumption.lose(held);
        void held.consumer.abandon();
        void member.options.onRevoked?.(held.topic.name, held.partition).catch(() => undefined);
      }
      member.held.clear();
    }
    this.look();
  }

  private async share(session: DatabaseSession): Promise<void> {
    const members = [...this.members].filter((member) => !member.leaving && member.topics.length > 0);
    if (members.length === 0) return;
    for (const member of members) if (member.memberId === undefined) await this.enter(session, member);
    const groupIds = [...new Set(members.flatMap((member) => member.topics.map((topic) => topic.groupId)))];
    await this.endHung(session, groupIds);
    const lists = await membersOf(session, groupIds);
    let failure: unknown;
    for (const member of members) {
      // One member whose positions can't be read, say, keeps no other from its partitions.
      await this.takeShare(session, member, member.share(lists)).catch((error: unknown) => (failure ??= error));
    }
    if (failure !== undefined) throw failure;
  }

  private showLife(): void {
    if (this.session && !this.session.closed) void this.session.query('SELECT 1').catch(() => undefined);
  }

  /** Whoever hangs would keep its partitions for as long as its connection lasts. */
  private async endHung(session: DatabaseSession, groupIds: readonly number[]): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.lookedForHungAtMs < this.hungAfterMs / 8) return;
    this.lookedForHungAtMs = nowMs;
    const ended = await endHungMembers(session, groupIds, this.hungAfterMs);
    if (ended > 0)
      this.logger.warn(
        `${ended} members of the groups were silent for ${this.hungAfterMs} ms and lose their partitions`,
      );
  }

  private async enter(session: DatabaseSession, member: GroupMember): Promise<void> {
    const memberId = randomInt(1, 2 ** 31 - 1);
    for (const { groupId } of member.topics) {
      if (!(await enter(session, groupId, memberId))) return this.enter(session, member);
    }
    member.memberId = memberId;
    await this.tell();
  }

  private async takeShare(session: DatabaseSession, member: GroupMember, share: readonly GroupShare[]): Promise<void> {
    const wanted = new Set(share.map(partitionKeyOf));
    for (const held of member.held.values()) {
      // Not awaited: a batch may take long, and other partitions must not wait for it.
      if (!wanted.has(partitionKeyOf(held))) this.release(member, held).catch(() => undefined);
    }
    const missing = share.filter((part) => !member.held.has(partitionKeyOf(part)));
    // A session gets its own locks again and again: members of one process are kept apart here.
    const free = missing.filter((part) => !this.isHeldHere(partitionKeyOf(part)) && !member.isRefused(part));
    if (free.length > 0) await this.acquire(session, member, free);
    if (share.every((part) => member.held.has(partitionKeyOf(part)))) {
      this.complete.add(member);
      member.becameReady();
    } else {
      this.complete.delete(member);
    }
  }

  private isHeldHere(place: string): boolean {
    return [...this.members].some((member) => member.held.has(place));
  }

  private async acquire(session: DatabaseSession, member: GroupMember, free: readonly GroupShare[]): Promise<void> {
    const locked = new Set((await tryLock(session, free)).map(partitionKeyOf));
    const mine = free.filter((part) => locked.has(partitionKeyOf(part)));
    if (mine.length === 0) return;
    try {
      const started = await this.consumption.start(member, mine);
      if (session.closed) {
        for (const held of started) void held.consumer.abandon();
        return;
      }
      for (const held of started) member.held.set(partitionKeyOf(held), held);
      for (const part of mine) if (!member.held.has(partitionKeyOf(part))) await unlock(session, part);
    } catch (error) {
      for (const part of mine) await unlock(session, part);
      throw error;
    }
  }

  private release(member: GroupMember, held: HeldPartition): Promise<void> {
    held.releasing ??= this.giveBack(member, held);
    return held.releasing;
  }

  private async giveBack(member: GroupMember, held: HeldPartition): Promise<void> {
    const { session } = this;
    await held.consumer.stop();
    // Lost meanwhile: another member may have it already.
    if (!session || session.closed || member.held.get(partitionKeyOf(held)) !== held) return;
    await this.consumption.finish(held);
    await member.options.onRevoked?.(held.topic.name, held.partition).catch(() => undefined);
    await unlock(session, held).catch(() => undefined);
    member.held.delete(partitionKeyOf(held));
    await this.tell();
    this.look();
  }

  private async tell(): Promise<void> {
    await this.database.query('SELECT pg_notify($1, $2)', [MEMBERS_CHANNEL, '']).catch(() => undefined);
  }
}
