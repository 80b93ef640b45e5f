import { type Colour, styled } from './colour.ts';
import { padded, width } from './table.ts';
import { duration } from './verdict.ts';
import { visible } from './visible.ts';

/** A host begins to do something; `doing` '' when it is done with everything. */
export interface ProgressEvent {
  readonly host: string;
  readonly service: string | null;
  /** `pulling starrocks/be-ubuntu:3.3.18`, `waiting for a heartbeat`. */
  readonly doing: string;
  /** When it began, in milliseconds of the same clock as the view's `now`. */
  readonly since: number;
}

export interface ProgressView {
  show(event: ProgressEvent): void;
  /** Draws again, so that the times run on; call it a few times a second. */
  tick(): void;
  /** A line of its own that stays. */
  print(line: string): void;
  /** Ends the view and leaves the terminal as a log. */
  done(): void;
}

export interface Screen {
  readonly write: (text: string) => void;
  /** Read at each drawing: people resize windows. */
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly now: () => number;
  readonly colour: Colour;
}

const what = ({ service, doing }: ProgressEvent): string => visible(service === null ? doing : `${service}: ${doing}`);

/** A text in at most so many columns: a line that wraps would make the cursor's way up too short. */
function fitting(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let kept = '';
  for (const character of text) {
    if (width(kept + character) > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** The live view's lines: one per host that does something, the longest at it first to stay on the screen. */
export function frame(events: readonly ProgressEvent[], { size, now, colour }: Omit<Screen, 'write'>): string[] {
  const { columns, rows } = size();
  const busy = events.filter(event => event.doing !== '');
  const room = Math.max(1, rows - 2);
  const shown = busy.length <= room ? busy : busy.toSorted((a, b) => a.since - b.since).slice(0, room - 1);
  const longest = Math.max(0, ...shown.map(event => width(visible(event.host))));
  const lines = shown.map(event => {
    const head = `${padded(visible(event.host), longest)}  `;
    const time = ` ${duration(now() - event.since)}`;
    const doing = fitting(what(event), Math.max(1, columns - width(head) - width(time) - 1));
    return `${head}${doing}${styled(colour, 'dim', time)}`;
  });
  return shown.length === busy.length ? lines : [...lines, `… and ${busy.length - shown.length} more`];
}

/** One line per host that says what it is doing and for how long, drawn over itself. */
export function liveProgress(screen: Screen): ProgressView {
  const events = new Map<string, ProgressEvent>();
  let drawn = 0;
  const clear = () => (drawn === 0 ? '' : `\x1b[${drawn}A\x1b[J`);
  const draw = (above: string) => {
    const lines = frame([...events.values()], screen);
    screen.write(`${clear()}${above}${lines.map(line => `${line}\n`).join('')}`);
    drawn = lines.length;
  };
  return {
    show(event) {
      events.set(event.host, event);
      draw('');
    },
    tick: () => draw(''),
    print: line => draw(`${line}\n`),
    done() {
      screen.write(clear());
      drawn = 0;
      events.clear();
    },
  };
}

/** A line per event, each beginning with its host: for logs, where nothing can be drawn over. */
export function plainProgress({ write }: Pick<Screen, 'write'>): ProgressView {
  const last = new Map<string, string>();
  return {
    show(event) {
      const line = what(event);
      // A wait that goes on says the same again and again.
      if (last.get(event.host) === line) return;
      last.set(event.host, line);
      if (event.doing !== '') write(`${visible(event.host)}: ${line}\n`);
    },
    tick: () => undefined,
    print: line => write(`${line}\n`),
    done: () => undefined,
  };
}
