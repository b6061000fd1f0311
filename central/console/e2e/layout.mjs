// Whether the page's panels keep to themselves: nothing wider than the window, nothing drawn over its neighbour. What a frame
// scrolls counts with the frame's own edges, because that is what a person sees of it.

/** Sentences about what lies over what; empty when all is well. */
export function layoutFaults(page) {
  return page.evaluate(() => {
    const faults = [];
    const scrolls = document.scrollingElement;
    if (scrolls.scrollWidth > scrolls.clientWidth) {
      faults.push(`the page is ${scrolls.scrollWidth} px wide in a window of ${scrolls.clientWidth}`);
    }
    const name = (e) => e.getAttribute("aria-label") ?? e.querySelector("caption, summary")?.innerText ?? e.className;
    const panels = [...document.querySelectorAll(".framed, .tags, .decided, .plant-head, .horizon .chart")];
    const seen = panels.map((panel) => {
      const box = panel.getBoundingClientRect();
      // Without a scrolling frame, what overflows is seen beyond the edge.
      const clips = getComputedStyle(panel).overflowX !== "visible";
      return { panel, left: box.left, top: box.top, right: clips ? box.right : Math.max(box.right, box.left + panel.scrollWidth), bottom: box.bottom };
    });
    seen.forEach((a, i) => {
      for (const b of seen.slice(i + 1)) {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 1) faults.push(`${name(a.panel)} and ${name(b.panel)} overlap by ${Math.round(wide)} x ${Math.round(high)} px`);
      }
      const home = a.panel.closest("section").getBoundingClientRect();
      if (a.right > home.right + 1 || a.left < home.left - 1) faults.push(`${name(a.panel)} leaves its section by ${Math.round(a.right - home.right)} px`);
    });
    return faults;
  });
}

/** Texts of the mimic that do not lie within their box, and words of an alarm beyond their field. */
export function overflowing(page) {
  return page.evaluate(() => {
    const found = [];
    const beyond = (text, field) => {
      const [t, f] = [text.getBoundingClientRect(), field.getBoundingClientRect()];
      return t.left < f.left - 1 || t.right > f.right + 1;
    };
    for (const piece of document.querySelectorAll("[data-piece]")) {
      for (const text of piece.querySelectorAll("text")) {
        const field = text.parentElement.matches(".m-alarm") ? text.parentElement.querySelector("rect") : piece.querySelector("rect.m-box");
        if (beyond(text, field)) found.push(`"${text.textContent}" is wider than its field in ${piece.dataset.piece}`);
      }
    }
    return found;
  });
}
