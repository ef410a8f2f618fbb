import { basename } from 'node:path';
import ts from 'typescript';

/** JSON Schema, as far as types of the official client need it. */
export interface Schema {
  $ref?: string;
  type?: string;
  enum?: (string | number | boolean | null)[];
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
}

/** Whole schema: a definition for each type, the named roots among them. */
export interface PublishedSchema {
  $schema: string;
  $defs: Record<string, Schema>;
}

/** What requests and answers of the routes are, under the names that the official client exports them by. */
const ROOTS = {
  'resources/chat/completions/completions.d.ts': ['ChatCompletionCreateParamsBase', 'ChatCompletion', 'ChatCompletionChunk'],
  'resources/completions.d.ts': ['CompletionCreateParamsBase', 'Completion'],
  'resources/embeddings.d.ts': ['EmbeddingCreateParams', 'CreateEmbeddingResponse'],
  'resources/images.d.ts': ['ImageGenerateParamsBase', 'ImagesResponse', 'ImageGenStreamEvent'],
  'resources/models.d.ts': ['Model'],
};

/**
 * OpenAI's API as its official JavaScript client has it: the client's types are written by a generator from OpenAI's
 * published specification. Written to `openai.schema.json`, which `test/unit/openai-schema.spec.ts` keeps up to date.
 */
export function publishedSchema(clientDirectory: string): PublishedSchema {
  const files = Object.keys(ROOTS).map((file) => `${clientDirectory}/${file}`);
  const program = ts.createProgram(files, { strict: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, skipLibCheck: true, types: [] });
  const converter = new TypeConverter(program.getTypeChecker());
  const checker = program.getTypeChecker();
  for (const [file, names] of Object.entries(ROOTS)) {
    const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(`${clientDirectory}/${file}`)!)!);
    for (const name of names) converter.define(name, checker.getDeclaredTypeOfSymbol(exported.find((symbol) => symbol.name === name)!));
  }
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', $defs: converter.definitions };
}

class TypeConverter {
  readonly definitions: Record<string, Schema> = {};
  private readonly names = new Map<ts.Type, string>();

  constructor(private readonly checker: ts.TypeChecker) {}

  define(name: string, type: ts.Type): void {
    this.names.set(type, name);
    this.definitions[name] = {};
    this.definitions[name] = type.isUnion() ? this.union(type) : this.object(type);
  }

  private schemaOf(type: ts.Type): Schema {
    if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return {};
    if (type.flags & ts.TypeFlags.BooleanLiteral) return { enum: [(type as unknown as { intrinsicName: string }).intrinsicName === 'true'] };
    if (type.isStringLiteral() || type.isNumberLiteral()) return { enum: [type.value] };
    if (type.flags & ts.TypeFlags.Boolean) return { type: 'boolean' };
    if (type.isUnion()) return this.union(type);
    if (type.flags & ts.TypeFlags.Null) return { type: 'null' };
    if (type.flags & ts.TypeFlags.String) return { type: 'string' };
    if (type.flags & ts.TypeFlags.Number) return { type: 'number' };
    // `string & {}`: any string, of which the literals beside it are the known ones.
    if (type.isIntersection()) return this.schemaOf(type.types[0]!);
    if (this.checker.isArrayType(type)) return { type: 'array', items: this.schemaOf(this.checker.getTypeArguments(type as ts.TypeReference)[0]!) };
    return { $ref: `#/$defs/${this.nameOf(type)}` };
  }

  private union(type: ts.UnionType): Schema {
    const members = type.types.filter((each) => !(each.flags & ts.TypeFlags.Undefined));
    const schemas = members.map((each) => this.schemaOf(each));
    const literals = schemas.flatMap((schema) => schema.enum ?? []);
    const rest = schemas.filter((schema) => !schema.enum);
    if (literals.includes(true) && literals.includes(false)) rest.unshift({ type: 'boolean' });
    const others = literals.filter((value) => typeof value !== 'boolean' || !(literals.includes(true) && literals.includes(false)));
    // A literal beside `string` is an example of it.
    const known = rest.some((schema) => schema.type === 'string') ? [] : [...others].sort();
    const all = [...(known.length > 0 ? [{ enum: known }] : []), ...rest];
    return all.length === 1 ? all[0]! : { anyOf: all };
  }

  private object(type: ts.Type): Schema {
    const index = this.checker.getIndexInfoOfType(type, ts.IndexKind.String);
    const members = this.checker.getPropertiesOfType(type);
    const properties = Object.fromEntries(members.map((member) => [member.name, this.schemaOf(this.checker.getTypeOfSymbol(member))]));
    const required = members.filter((member) => !(member.flags & ts.SymbolFlags.Optional)).map((member) => member.name);
    return { type: 'object', properties, required, additionalProperties: index ? this.schemaOf(index.type) : false };
  }

  private nameOf(type: ts.Type): string {
    const known = this.names.get(type);
    if (known) return known;
    const qualified = this.checker.getFullyQualifiedName(type.symbol).replace(/^"([^"]*)"\.?/, (_, file: string) => `${basename(file)}.`);
    // Object types without a name of their own are told apart by where they stand.
    const name = qualified.endsWith('__type') ? `object-${this.names.size}` : qualified;
    this.define(this.definitions[name] ? `${name}-${this.names.size}` : name, type);
    return this.names.get(type)!;
  }
}
