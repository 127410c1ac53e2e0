/* Who sits here, and what a room is. */
import type { Me } from "./types.js";

export interface Room {
  readonly name: string;
  readonly title: string;
  /** What its user must be allowed to do to enter; "": any role. */
  readonly action: string;
  /** Milliseconds between two looks. */
  readonly every: number;
  /** Fields above what is shown, made once when the room is entered. */
  readonly tools?: () => HTMLElement;
  /** Ask, and return what is to be shown. Refusal. */
  readonly look: () => Promise<Node[]>;
  /** Forget what was typed: the user leaves. */
  readonly leave?: () => void;
}

let me: Me | null = null;

export const sitting = (): Me | null => me;
export function sit(who: Me | null): void {
  me = who;
}

/** Whether the user may do something on any queue. */
export const may = (action: string): boolean => me !== null && action in me.actions;

let anew: () => void = () => undefined;

/** Show the room anew: something was chosen, or done. */
export const refresh = (): void => anew();
export function whenRefreshed(done: () => void): void {
  anew = done;
}
