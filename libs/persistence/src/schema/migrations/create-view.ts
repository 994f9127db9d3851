import type { QueryRunner } from 'typeorm';

/** Creates a view in the schema `teststrip` and notes its text where TypeORM looks for it when it compares views with their entities. */
export async function createView(runner: QueryRunner, name: string, select: string): Promise<void> {
  await runner.query(`create view teststrip.${name} as ${select}`);
  await runner.query(
    `insert into teststrip.typeorm_metadata ("type", "schema", "name", "value") values ('VIEW', 'teststrip', $1, $2)`,
    [name, select.trim()],
  );
}

export async function dropView(runner: QueryRunner, name: string): Promise<void> {
  await runner.query(`delete from teststrip.typeorm_metadata where "type" = 'VIEW' and "name" = $1`, [name]);
  await runner.query(`drop view teststrip.${name}`);
}
