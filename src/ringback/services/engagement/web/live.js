/*
 * Looking again and again. Figures that are old are worse than none: as soon as an answer fails, or is overdue, whoever
 * looks is told since when, and what was shown is dimmed until there is a new answer.
 */
import { Refusal } from "./api.js";
import { isOld, NONE, pause } from "./freshness.js";
/** Calls `look` at once and then every so often, while the page is seen; `tell` hears every second how things stand. */
export class Live {
    #look = async () => undefined;
    #every = 0;
    #link = NONE;
    #timer = 0;
    #round = 0;
    #tell;
    constructor(tell) {
        this.#tell = tell;
        setInterval(() => this.#say(), 1000);
        document.addEventListener("visibilitychange", () => this.now());
        window.addEventListener("online", () => this.now());
    }
    /** Look at something else from now on. */
    follow(look, every) {
        this.#look = look;
        this.#every = every;
        this.#link = { ...NONE, began: Date.now() };
        return this.now();
    }
    /** Look no more. */
    stop() {
        this.#every = 0;
        this.#round += 1;
        clearTimeout(this.#timer);
    }
    /** Look at once. */
    async now() {
        if (!this.#every || document.hidden)
            return;
        clearTimeout(this.#timer);
        const mine = ++this.#round;
        try {
            await this.#look();
            if (mine !== this.#round)
                return;
            this.#link = { ...this.#link, good: Date.now(), failed: 0, why: "" };
        }
        catch (error) {
            if (!(error instanceof Refusal))
                throw error;
            if (mine !== this.#round)
                return;
            this.#link = { ...this.#link, failed: this.#link.failed + 1, why: error.message };
        }
        this.#say();
        this.#timer = setTimeout(() => void this.now(), pause(this.#every, this.#link.failed));
    }
    #say() {
        if (this.#every)
            this.#tell(this.#link, isOld(this.#link, Date.now(), this.#every));
    }
}
