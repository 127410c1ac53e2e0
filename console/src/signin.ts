/* Signing in with a user's name and a password. */
import { api, Refusal, token } from "./api.js";
import { field, make } from "./dom.js";

const user = make("input", { id: "user", name: "username", autocomplete: "username", required: true, maxlength: 255 });
const password = make("input", {
  id: "password",
  name: "password",
  type: "password",
  autocomplete: "current-password",
  required: true,
  maxlength: 1024,
});
const why = make("p", { id: "why", role: "alert" });
const button = make("button", { class: "main" }, "Sign in");
export const signIn = make(
  "form",
  { id: "signin", hidden: true },
  make(
    "section",
    {},
    make("h2", {}, "Sign in to Ringback"),
    why,
    field("User", user),
    field("Password", password),
    make("p", {}, button),
  ),
);

/** Show it; `text` says why. */
export function showSignIn(text: string, bad: boolean): void {
  signIn.hidden = false;
  why.textContent = text;
  why.className = bad ? "error" : "";
  password.value = "";
  (user.value ? password : user).focus();
}

/** What is done with a token that was given. */
export function whenSignedIn(begin: () => Promise<void>): void {
  signIn.addEventListener("submit", (event) => {
    event.preventDefault();
    void enter(begin);
  });
}

async function enter(begin: () => Promise<void>): Promise<void> {
  button.disabled = true;
  try {
    const given = await api<{ access_token: string }>("POST", "token", {
      username: user.value,
      password: password.value,
    });
    token.keep(given.access_token);
    await begin();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    showSignIn(error.message, true);
  } finally {
    button.disabled = false;
  }
}
