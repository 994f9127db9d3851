import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** When each decision service was last heard: `controller.heartbeat.v1`. */
@Entity({ schema: SCHEMA, name: 'controllers' })
export class ControllerEntity {
  @PrimaryColumn({ name: 'controller', type: 'text' })
  readonly controller!: string;

  @Column({ name: 'last_heartbeat_at', type: 'timestamptz' })
  readonly lastHeartbeatAt!: Date;

  /** Keys of the experiments it runs. */
  @Column({ name: 'running', type: 'jsonb' })
  readonly running!: readonly string[];
}
