import {
  type FieldNode, getNamedType, getNullableType, type GraphQLError, type GraphQLNamedType, isAbstractType, isCompositeType, isInterfaceType,
  isListType, isObjectType, Kind, type SelectionSetNode, type ValidationContext, type ValidationRule,
} from 'graphql';

/** Largest page there is, which a page size given by a variable is taken for: documents are judged once, whatever their variables. */
const LARGEST_PAGE = 500;
/** Page size of a list that is asked for without one. */
const DEFAULT_PAGE = 50;
/** Assumed length of a list without pages (messages, slices, attempts). */
const SHORT_LIST = 10;
/** Most entities that a federation gateway may ask for at once. */
const REPRESENTATIONS = 200;

/** Refuses operations whose answer may hold more objects than `limit`: page sizes multiplied along the nesting. */
export function answerSizeRule(limit: number, refuse: (found: number) => GraphQLError): ValidationRule {
  return (context) => {
    const sizes = new AnswerSize(context);
    return {
      OperationDefinition(operation) {
        const root = context.getSchema().getRootType(operation.operation);
        const found = root ? sizes.below(operation.selectionSet, root, 1) : 0;
        if (found > limit) context.reportError(refuse(found));
      },
    };
  };
}

class AnswerSize {
  private readonly fragments = new Map<string, number>();

  constructor(private readonly context: ValidationContext) {}

  /** Objects below one object of `type`; `page` is the page size of the connection that it is part of. */
  below(selections: SelectionSetNode, type: GraphQLNamedType, page: number): number {
    return selections.selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + this.field(selection, type, page);
      if (selection.kind === Kind.FRAGMENT_SPREAD) return sum + this.fragment(selection.name.value, page);
      const on = selection.typeCondition && this.context.getSchema().getType(selection.typeCondition.name.value);
      return sum + this.below(selection.selectionSet, on ?? type, page);
    }, 0);
  }

  private field(node: FieldNode, parent: GraphQLNamedType, page: number): number {
    const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined;
    const type = field && getNamedType(field.type);
    if (!field || !node.selectionSet || !isCompositeType(type)) return 0;
    const paged = field.args.some((argument) => argument.name === 'first');
    const inner = this.below(node.selectionSet, type, paged ? pageSizeOf(node) : 1);
    if (!isListType(getNullableType(field.type))) return 1 + inner;
    const length = isAbstractType(type) && node.name.value === '_entities' ? REPRESENTATIONS : parent.name.endsWith('Connection') ? page : SHORT_LIST;
    return length * (1 + inner);
  }

  private fragment(name: string, page: number): number {
    const key = `${name} ${page}`;
    const known = this.fragments.get(key);
    if (known !== undefined) return known;
    this.fragments.set(key, 0); // ends a cycle, which another rule refuses
    const fragment = this.context.getFragment(name);
    const type = fragment && this.context.getSchema().getType(fragment.typeCondition.name.value);
    const size = fragment && type ? this.below(fragment.selectionSet, type, page) : 0;
    this.fragments.set(key, size);
    return size;
  }
}

function pageSizeOf(node: FieldNode): number {
  const given = node.arguments?.find((argument) => (argument.name.value === 'first' || argument.name.value === 'last') && argument.value.kind !== Kind.NULL);
  if (!given) return DEFAULT_PAGE;
  const size = given.value.kind === Kind.INT ? Number(given.value.value) : LARGEST_PAGE;
  return Math.min(LARGEST_PAGE, Math.max(1, size)); // what is out of range is refused later, if it is asked for at all
}
