/** SVG and HTML as text: elements with escaped attributes and content. */

/** Text as it appears in markup. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Attributes of an element; numbers are rounded to a tenth, undefined ones left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element; `content` is markup. */
export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const shown = typeof value === "number" ? String(Math.round(value * 10) / 10) : String(value);
      return ` ${key}="${escaped(shown)}"`;
    });
  return `<${name}${list.join("")}>${content.join("")}</${name}>`;
}

/** A line of text in a drawing. */
export function label(x: number, y: number, text: string, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escaped(text));
}

/** A drawing that is as wide as its place; `title` says what it shows to those who do not see it. */
export function drawing(width: number, height: number, title: string, ...content: readonly string[]): string {
  const attributes = { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title };
  return element("svg", attributes, ...content);
}

/** Width of a text in a drawing, roughly: letters of 12 pixels. */
export function textWidth(text: string, size = 12): number {
  return text.length * size * 0.56;
}
