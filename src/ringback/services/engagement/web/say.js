/* What came of an action, said for a while below the page. */
import { make } from "./dom.js";
const SAID_MS = 8000;
const said = make("div", { id: "said", role: "status", hidden: true });
let silence = 0;
export function placeSaid() {
    document.body.append(said);
}
export function say(text, bad = false) {
    said.setAttribute("role", bad ? "alert" : "status");
    said.textContent = text;
    said.className = bad ? "error" : "";
    said.hidden = false;
    clearTimeout(silence);
    silence = setTimeout(() => (said.hidden = true), SAID_MS);
}
