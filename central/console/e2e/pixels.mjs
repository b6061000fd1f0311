// Which pixels of the page are saturated outside what is marked as an alarm. The screenshot is decoded by the browser
// itself, on a page of its own, so that no image library is needed and no rule of the console's page stands in the way.

/** Largest difference between two of a pixel's channels that still counts as grey. */
export const SPREAD_MAX = 40;

/** Counts saturated pixels of the whole page outside every [data-alarm]; says where the first ones are. */
export async function saturatedOutsideAlarms(page, scratch) {
  // A focus ring or a caret may be anywhere and is the browser's own.
  await page.evaluate(() => document.activeElement?.blur());
  const shot = await page.screenshot({ fullPage: true, animations: "disabled" });
  const marked = await page.evaluate(() =>
    [...document.querySelectorAll("[data-alarm]")].map((e) => {
      const r = e.getBoundingClientRect();
      return [r.left + scrollX, r.top + scrollY, r.right + scrollX, r.bottom + scrollY];
    }),
  );
  return scratch.evaluate(
    async ([base64, rects, limit]) => {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d");
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      const found = { pixels: bitmap.width * bitmap.height, outside: 0, inside: 0, first: [] };
      for (let i = 0; i < data.length; i += 4) {
        const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
        if (Math.max(r, g, b) - Math.min(r, g, b) <= limit) continue;
        const x = (i / 4) % bitmap.width;
        const y = Math.floor(i / 4 / bitmap.width);
        // One pixel of margin: edges are drawn at fractions of a pixel.
        if (rects.some(([left, top, right, bottom]) => x >= left - 1 && x <= right + 1 && y >= top - 1 && y <= bottom + 1)) {
          found.inside++;
        } else {
          found.outside++;
          if (found.first.length < 5) found.first.push(`(${x},${y}) rgb ${r} ${g} ${b}`);
        }
      }
      return found;
    },
    [shot.toString("base64"), marked, SPREAD_MAX],
  );
}
