/** A shell script, imported as its text: see sh-as-text.mjs. */
declare module '*.sh' {
  const text: string;
  export default text;
}
