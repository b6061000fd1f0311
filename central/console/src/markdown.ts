// The Markdown that runbooks are written in, as blocks and runs of text: headings, paragraphs, lists within lists, quotes,
// fenced code; strong and weak emphasis, code and links within them. What is none of these is text. Pure, and no markup of
// the page's own comes through.

export type Run = { kind: "text" | "strong" | "em" | "code"; text: string } | { kind: "link"; text: string; to: string };

export type Block =
  | { kind: "heading"; level: number; runs: Run[] }
  | { kind: "paragraph" | "quote"; runs: Run[] }
  | { kind: "code"; text: string }
  | { kind: "list"; ordered: boolean; items: { runs: Run[]; within: Block[] }[] };

/** The runs of a line. Emphasis does not stand within emphasis here. */
export function runs(text: string): Run[] {
  const found: Run[] = [];
  let rest = 0;
  const plain = (until: number) => {
    if (until > rest) found.push({ kind: "text", text: text.slice(rest, until) });
  };
  for (const m of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)/g)) {
    plain(m.index);
    rest = m.index + m[0].length;
    if (m[1] !== undefined) found.push({ kind: "code", text: m[1] });
    else if (m[2] !== undefined) found.push({ kind: "strong", text: m[2] });
    else if (m[3] !== undefined) found.push({ kind: "em", text: m[3] });
    else if (m[4] !== undefined && m[5] !== undefined) found.push({ kind: "link", text: m[4], to: m[5] });
  }
  plain(text.length);
  return found;
}

const ITEM = /^(\s*)([-*]|\d+\.)\s+(.*)$/;

export function blocks(markdown: string): Block[] {
  return within(markdown.split(/\r?\n/));
}

function within(lines: string[]): Block[] {
  const found: Block[] = [];
  let at = 0;
  const line = () => lines[at] ?? "";
  while (at < lines.length) {
    const heading = /^(#{1,6})\s+(.*)$/.exec(line());
    const item = ITEM.exec(line());
    if (line().trim() === "") at++;
    else if (line().startsWith("```")) {
      const from = ++at;
      while (at < lines.length && !line().startsWith("```")) at++;
      found.push({ kind: "code", text: lines.slice(from, at++).join("\n") });
    } else if (heading) {
      found.push({ kind: "heading", level: heading[1]?.length ?? 1, runs: runs(heading[2] ?? "") });
      at++;
    } else if (item) {
      found.push(list(/\d/.test(item[2] ?? ""), item[1]?.length ?? 0));
    } else {
      const quote = line().startsWith(">");
      const from = at;
      const goesOn = () => line().trim() !== "" && line().startsWith(">") === quote && !line().startsWith("```") && !/^#{1,6}\s/.test(line()) && !ITEM.test(line());
      do at++;
      while (at < lines.length && goesOn());
      const text = lines.slice(from, at).map((l) => l.replace(/^>\s?/, "").trim());
      found.push({ kind: quote ? "quote" : "paragraph", runs: runs(text.join(" ")) });
    }
  }
  return found;

  /** Items of one kind at one depth; what stands deeper belongs to the item above it. */
  function list(ordered: boolean, depth: number): Block {
    const items: { runs: Run[]; within: Block[] }[] = [];
    for (;;) {
      const m = ITEM.exec(line());
      if (at >= lines.length || !m || (m[1]?.length ?? 0) !== depth || /\d/.test(m[2] ?? "") !== ordered) break;
      at++;
      const deeper: string[] = [];
      const text = [m[3] ?? ""];
      for (; at < lines.length && line().trim() !== "" && /^\s*/.exec(line())![0].length > depth; at++) {
        if (deeper.length > 0 || ITEM.test(line())) deeper.push(line());
        else text.push(line().trim());
      }
      items.push({ runs: runs(text.join(" ")), within: within(deeper) });
    }
    return { kind: "list", ordered, items };
  }
}
