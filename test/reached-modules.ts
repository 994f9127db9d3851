import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

/** By module, the modules whose names it imports; paths from the repository's root. */
export type ModuleGraph = ReadonlyMap<string, readonly string[]>;

/**
 * Who uses whom. Doors and other re-exports are seen through: an imported name leads to the module that declares it, not to those that
 * are exported beside it. A use as a type counts, and so does the file of a worker, `new URL('./worker.js', import.meta.url)`. A module
 * is one piece: what any part of it imports is used.
 */
export function moduleGraph(paths: readonly string[]): ModuleGraph {
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  // Only our own modules are followed: to read the types of every package takes ten seconds.
  host.resolveModuleNameLiterals = (literals, from, _redirected, given) =>
    literals.map(({ text }) =>
      /^[.#]/.test(text)
        ? ts.resolveModuleName(text, from, given, host, undefined, undefined, ts.ModuleKind.ESNext)
        : { resolvedModule: undefined },
    );
  const program = ts.createProgram(paths, options, host);
  const checker = program.getTypeChecker();
  return new Map(paths.map((path) => [path, used(program.getSourceFile(path) as ts.SourceFile, checker)]));
}

/** The modules of the graph that the entries lead to, entries included. */
export function reachedModules(graph: ModuleGraph, entries: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const uses = graph.get(path);
    if (uses === undefined || reached.has(path)) continue;
    reached.add(path);
    waiting.push(...uses);
  }
  return reached;
}

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path));
  return { ...ts.parseJsonConfigFileContent(config, ts.sys, process.cwd()).options, noLib: true, types: [] };
}

/** Modules whose names the file imports. */
function used(file: ts.SourceFile, checker: ts.TypeChecker): readonly string[] {
  const paths: string[] = [];
  const visit = (node: ts.Node): void => {
    const worker = workerFile(node);
    if (worker !== null) paths.push(fromRoot(join(dirname(file.fileName), worker)));
    for (const name of importedNames(node)) paths.push(...declaringModules(name, checker));
    // What a module passes on is used where it is imported by name.
    if (!ts.isExportDeclaration(node)) ts.forEachChild(node, visit);
  };
  visit(file);
  return paths;
}

/** Nodes that stand for what an import takes: names, or the module where it is imported for its effect or as a whole. */
function importedNames(node: ts.Node): readonly ts.Node[] {
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments;
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return [node.argument.literal];
  if (!ts.isImportDeclaration(node)) return [];
  const { importClause, moduleSpecifier } = node;
  const bindings = importClause?.namedBindings;
  if (bindings === undefined) return [importClause?.name ?? moduleSpecifier];
  if (ts.isNamespaceImport(bindings)) return [moduleSpecifier];
  return bindings.elements.map(({ name }) => name);
}

function declaringModules(name: ts.Node, checker: ts.TypeChecker): readonly string[] {
  const symbol = checker.getSymbolAtLocation(name);
  if (symbol === undefined) return [];
  const declared = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return (declared.declarations ?? []).map((declaration) => fromRoot(declaration.getSourceFile().fileName));
}

/** The source of a worker that the expression names. */
function workerFile(node: ts.Node): string | null {
  if (!ts.isNewExpression(node) || node.expression.getText() !== 'URL') return null;
  const [path, base] = node.arguments ?? [];
  if (path === undefined || !ts.isStringLiteral(path) || base?.getText() !== 'import.meta.url') return null;
  return path.text.replace(/\.js$/, '.ts');
}

function fromRoot(path: string): string {
  return relative(process.cwd(), path);
}
