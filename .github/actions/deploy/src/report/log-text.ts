/**
 * Text as it may stand in a workflow's log. The runner takes `##[…]` for a command wherever it stands in a line, and
 * `::…::` at a line's start; `##[stop-commands]` in an error message would silence every annotation after it.
 */
export const logText = (text: string): string => text.replaceAll('##[', '# #[').replace(/^(\s*):(?=:)/gm, '$1: ');
