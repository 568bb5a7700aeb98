/**
 * Patterns over the producers of a value. A pattern is a function; `match` tries all ways to satisfy it (operands of commutative
 * operators in both orders) and gives what was captured.
 *
 * @example
 * const p = op("Mul", any("x"), op("Sigmoid", any("x")));   // the same x twice
 * const found = match(p, node.out);                          // found.values.x, found.nodes
 */
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { constantScalar, isClose } from "./constants.ts";

export interface Captures {
  readonly values: Readonly<Record<string, Value>>;
  /** Matched nodes, the root first. */
  readonly nodes: readonly Node[];
  /** Matched nodes by the name given to {@link op}'s `as`. */
  readonly named: Readonly<Record<string, Node>>;
}

/** Trail of one attempt; undone on the way back. */
interface State {
  readonly values: Map<string, Value>;
  readonly nodes: Node[];
  readonly named: Map<string, Node>;
}

/** Calls `next` for each way in which `value` fits; true as soon as one of them leads to a full match. */
export type Pattern = (value: Value | undefined, state: State, next: () => boolean) => boolean;

/** Any value; the same name means the same value. */
export const any = (name: string): Pattern => (value, state, next) => {
  if (!value) return false;
  const known = state.values.get(name);
  if (known) return known === value && next();
  state.values.set(name, value);
  return next() || (state.values.delete(name), false);
};

/** A constant of one element that is `number`, up to float32 rounding; or any one that `check` accepts. */
export const scalar = (check: number | ((x: number) => boolean)): Pattern => (value, _state, next) => {
  const found = constantScalar(value);
  return found !== undefined && (typeof check === "number" ? isClose(found, check) : check(found)) && next();
};

/** Any constant, captured. */
export const constant = (name: string): Pattern => (value, state, next) => value?.constant !== undefined && any(name)(value, state, next);

export interface OpOptions {
  /** Name under which the node is found in {@link Captures.named}. */
  readonly as?: string;
  readonly check?: (node: Node) => boolean;
}

const commutative = new Set(["Add", "Mul", "Max", "Min", "Sum"]);

/** The first output of an operator of the default domain with these operands; further inputs are not looked at. */
export function op(opType: string, ...operands: readonly Pattern[]): Pattern {
  return opWith(opType, {}, ...operands);
}

export const opWith = (opType: string, options: OpOptions, ...operands: readonly Pattern[]): Pattern => (value, state, next) => {
  const node = value?.producer;
  if (!node?.is(opType) || node.out !== value || (options.check && !options.check(node))) return false;
  state.nodes.push(node);
  if (options.as) state.named.set(options.as, node);
  const orders = commutative.has(opType) && operands.length === 2 ? [[0, 1], [1, 0]] : [operands.map((_, i) => i)];
  if (orders.some((order) => operandsFit(node, operands, order, 0, state, next))) return true;
  state.nodes.pop();
  if (options.as) state.named.delete(options.as);
  return false;
};

function operandsFit(node: Node, operands: readonly Pattern[], order: readonly number[], at: number, state: State, next: () => boolean): boolean {
  if (at === operands.length) return next();
  return operands[at]!(node.input(order[at]!), state, () => operandsFit(node, operands, order, at + 1, state, next));
}

/** The first of several forms. */
export const either = (...patterns: readonly Pattern[]): Pattern => (value, state, next) => patterns.some((p) => p(value, state, next));

export function match(pattern: Pattern, value: Value): Captures | undefined {
  const state: State = { values: new Map(), nodes: [], named: new Map() };
  if (!pattern(value, state, () => true)) return undefined;
  return { values: Object.fromEntries(state.values), nodes: state.nodes, named: Object.fromEntries(state.named) };
}

/**
 * Like {@link match}, for fusions: the inner nodes are read by the match alone, so that they go away with it, and stand in the graph
 * of the root.
 */
export function matchWhole(pattern: Pattern, value: Value): Captures | undefined {
  const found = match(pattern, value);
  const inside = new Set(found?.nodes);
  const whole = found?.nodes.slice(1).every((node) => node.graph === found.nodes[0]!.graph && node.outputs.every((o) => !o || (!o.isGraphOutput && o.consumers.every((c) => inside.has(c)))));
  return whole ? found : undefined;
}
