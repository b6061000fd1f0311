// Light or dark: as the system says, or as the person at this browser chose.

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const KEY = "hypocaust-theme";
const ORDER: Theme[] = ["system", "light", "dark"];

/** A browser may forbid storage; the choice then lasts as long as the page. */
function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY) as Theme | null;
    return value !== null && ORDER.includes(value) ? value : "system";
  } catch {
    return "system";
  }
}

export const theme = signal<Theme>(stored());
/** What is drawn: light or dark. */
export const drawn = signal<"light" | "dark">("light");

const dark = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(dark.matches);
dark.addEventListener("change", () => (systemDark.value = dark.matches));

effect(() => {
  drawn.value = theme.value === "system" ? (systemDark.value ? "dark" : "light") : theme.value;
  document.documentElement.dataset["theme"] = drawn.value;
});

export function nextTheme(): void {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] ?? "system";
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // Then it is forgotten with the page.
  }
}
