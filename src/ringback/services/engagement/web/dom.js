/* The one builder of elements. Text is always text: nothing that comes from outside is read as HTML. */
/** An element with attributes (`on…`: listeners; null, undefined and false are left out) and what is inside of it. */
export function make(name, attributes = {}, ...inside) {
    const made = document.createElement(name);
    dress(made, attributes);
    for (const each of inside)
        if (each != null && each !== false)
            made.append(each instanceof Node ? each : String(each));
    return made;
}
/** The same in a picture. */
export function draw(name, attributes = {}, ...inside) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    dress(made, attributes);
    made.append(...inside);
    return made;
}
function dress(made, attributes) {
    for (const [key, value] of Object.entries(attributes)) {
        if (typeof value === "function")
            made.addEventListener(key.slice(2), value);
        else if (value != null && value !== false)
            made.setAttribute(key, value === true ? "" : String(value));
    }
}
/** A word with a dot before it; `kind` is its colour: good, warn, bad, live. */
export const tag = (text, kind = "") => make("span", { class: `tag ${kind}` }, text);
/** A field with its label. */
export function field(label, input) {
    return make("div", { class: "field" }, make("label", { for: input.id }, label), input);
}
/** A list to choose from. */
export function choose(id, choices, chosen, changed) {
    const options = choices.map(([value, text]) => make("option", { value, selected: value === chosen }, text));
    const made = make("select", { id, "data-held": id }, ...options);
    made.addEventListener("change", () => changed(made.value));
    return made;
}
/** Offer other choices, if they are others: a list that is open stays open. What was chosen stays, though it is not among them. */
export function offer(list, chosen, choices) {
    const all = choices.some(([value]) => value === chosen) ? choices : [...choices, [chosen, chosen]];
    const there = [...list.options].map((each) => `${each.value} ${each.text}`).join("\n");
    if (there !== all.map(([value, text]) => `${value} ${text}`).join("\n")) {
        list.replaceChildren(...all.map(([value, text]) => make("option", { value }, text)));
    }
    list.value = chosen;
}
/** The button or link inside of `box` that held the focus under this name. */
export function held(box, name) {
    return box.querySelector(`[data-held="${CSS.escape(name)}"]`);
}
/** These nodes and no others; one that is there already is not touched, so that a list which is open in it stays open. */
function place(box, nodes) {
    nodes.forEach((node, index) => {
        const there = box.childNodes[index];
        if (!there)
            box.append(node);
        else if (there !== node)
            there.replaceWith(node);
    });
    while (box.childNodes.length > nodes.length)
        box.lastChild?.remove();
}
/**
 * Put what was made anew in the place of what was there. The focus, and how far lists were scrolled, stay: where what
 * had the focus is gone, the first button of its row has it, else `instead`.
 */
export function replace(box, shown, instead) {
    const active = document.activeElement;
    const focused = active instanceof HTMLElement && box.contains(active) ? active : null;
    const name = focused?.dataset["held"];
    const row = focused?.closest("[data-row]")?.dataset["row"];
    const scrolled = [...box.querySelectorAll("[data-scroll]")].map((each) => [each.dataset["scroll"] ?? "", each.scrollTop, each.scrollLeft]);
    place(box, shown);
    for (const [part, top, left] of scrolled) {
        const again = box.querySelector(`[data-scroll="${CSS.escape(part)}"]`);
        if (again)
            [again.scrollTop, again.scrollLeft] = [top, left];
    }
    if (name === undefined || document.activeElement === focused)
        return;
    const beside = row === undefined ? null : box.querySelector(`[data-row="${CSS.escape(row)}"] button`);
    (held(box, name) ?? beside ?? instead())?.focus();
}
