/** An error packet: `ERROR <code> (<state>): <text>`. */
export class SqlError extends Error {
  readonly code: number;
  readonly state: string;
  constructor(message: string, code = 1064, state = 'HY000') {
    super(message);
    this.code = code;
    this.state = state;
  }
}

/** The analyzer's frame around a text. */
export const analyzing = (detail: string): SqlError =>
  new SqlError(`Getting analyzing error. Detail message: ${detail}.`);
