/** For the end of a switch over a closed union: the type system proves that nobody gets here. */
export function unreachableCase(value: never): never {
  throw new Error(`not in the union: ${JSON.stringify(value)}`);
}
