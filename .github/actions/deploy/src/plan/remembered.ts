/**
 * `make`, done once for each object: a plan for hundreds of machines asks wave after wave, and most of what it asks about
 * is as it was. Neither the object nor what is made of it may ever change.
 */
export function remembered<K extends object, V>(make: (of: K) => V): (of: K) => V {
  const made = new WeakMap<K, V>();
  return of => {
    const there = made.get(of);
    if (there !== undefined) return there;
    const value = make(of);
    made.set(of, value);
    return value;
  };
}
