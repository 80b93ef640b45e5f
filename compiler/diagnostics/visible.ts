const invisible = /\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Text of a file in a form that moves no cursor, changes no colour and reverses no reading order. */
export function visible(text: string): string {
  return text.replaceAll('\t', ' ').replaceAll(invisible, '\ufffd');
}
