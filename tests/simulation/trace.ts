/** A readable record of a run: every id by a name. @module */

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

export class Trace {
  readonly lines: string[] = [];
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(readonly on: boolean) {}

  /** The first name counts. */
  name(id: string, name: string): void {
    if (!this.#names.has(id)) this.#names.set(id, name);
  }

  /** `name` with a number that no other has. */
  number(name: string): string {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return `${name}#${count}`;
  }

  add(now: number, line: string): void {
    if (this.on) this.lines.push(`${clockFace(now)}  ${this.render(line)}`);
  }

  render(text: string): string {
    return text.replaceAll(UUID, (id) => {
      const known = this.#names.get(id);
      if (known !== undefined) return known;
      const name = this.number("id");
      this.#names.set(id, name);
      return name;
    });
  }
}

/** `2d 03:04:05.678` */
function clockFace(ms: number): string {
  const whole = Math.floor(ms);
  const days = Math.floor(whole / 86_400_000);
  const time = new Date(whole % 86_400_000).toISOString().slice(11, 23);
  return `${days}d ${time}`;
}
