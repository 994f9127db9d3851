import { Column } from 'typeorm';
import { Fact } from './fact.js';

/** A fact that says apart what is its own and what many say alike. */
export abstract class PackedFact extends Fact {
  /** What it says like many others: a shared document. */
  @Column({ name: 'context', type: 'bigint' })
  readonly context!: string;
}
