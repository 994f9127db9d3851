import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SCHEMA } from './schema-name.js';

/** From which day on a table of facts is kept: earlier days were dropped, and take no facts any more. */
@Entity({ schema: SCHEMA, name: 'fact_horizons' })
export class FactHorizonEntity {
  @PrimaryColumn({ name: 'fact_table', type: 'text' })
  readonly factTable!: string;

  @Column({ name: 'kept_from', type: 'date' })
  readonly keptFrom!: string;
}
