/* Dialogs: one that shows something whole, and one that asks before something is done. */
import { Refusal } from "./api.js";
import { make, type Child } from "./dom.js";
import { say } from "./say.js";

export const whole = make("dialog", { id: "whole", "aria-labelledby": "whole-title" });
const question = make("dialog", { id: "ask", class: "small", "aria-labelledby": "ask-title" });
let done: () => void = () => undefined;

/** Put the dialogs into the page; `closed` is called when one is closed. */
export function placeDialogs(closed: () => void): void {
  done = closed;
  for (const box of [whole, question]) box.addEventListener("close", done);
  document.body.append(whole, question);
}

/** Whether a dialog is before the page. */
export const asking = (): boolean => whole.open || question.open;

export function closeDialogs(): void {
  for (const box of [question, whole]) box.close();
}

/** A button that closes what is shown whole. */
export const closer = (): HTMLElement => make("button", { onclick: () => whole.close() }, "Close");

export interface Question {
  readonly title: string;
  readonly text: string;
  /** The words on the button that does it. */
  readonly doing: string;
  readonly harm?: boolean;
  /** Shown above the buttons; the first input has the focus. */
  readonly fields?: readonly Child[];
  /** Does it, and returns what to say. Refusal: it is said in the dialog, which stays. */
  readonly act: () => Promise<string>;
}

/** Ask before something is done. */
export function askFirst(of: Question): void {
  const wrong = make("p", { class: "error", role: "alert" });
  const go = make("button", { class: of.harm ? "harm" : "main" }, of.doing);
  const no = make("button", { type: "button", onclick: () => question.close() }, "No, leave it");
  const form = make(
    "form",
    {},
    make("h2", { id: "ask-title" }, of.title),
    make("p", {}, of.text),
    ...(of.fields ?? []),
    wrong,
    make("div", { class: "row" }, go, no),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void perform(of, go, wrong);
  });
  question.replaceChildren(form);
  question.showModal();
  (form.querySelector("input") ?? no).focus();
}

async function perform(of: Question, go: HTMLButtonElement, wrong: HTMLElement): Promise<void> {
  go.disabled = true;
  try {
    const said = await of.act();
    closeDialogs();
    say(said);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    wrong.textContent = error.message;
    go.disabled = false;
  }
}
