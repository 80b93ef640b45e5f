const units: Readonly<Record<string, number>> = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

export const mebibyte = 2 ** 20;
export const gibibyte = 2 ** 30;

/** Bytes of `512M`, `50G`, `4T`; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const match = /^([1-9]\d{0,8})([MGT])$/.exec(text);
  const unit = units[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** Percent of `80%`; undefined for anything else. */
export function parsePercentage(text: string): number | undefined {
  const match = /^(\d{1,3})%$/.exec(text);
  const percent = Number(match?.[1]);
  return match !== null && percent >= 1 && percent <= 100 ? percent : undefined;
}

/** Bytes in the form that StarRocks parses, rounded down: `50G`, and `900M` below one G. */
export function renderSize(bytes: number): string {
  return bytes >= gibibyte ? `${Math.floor(bytes / gibibyte)}G` : `${Math.floor(bytes / mebibyte)}M`;
}
