/* A line over time. */
import { draw, make } from "./dom.js";
const WIDTH = 600;
const HEIGHT = 120;
export function chart(of) {
    const all = of.pieces.flat();
    const most = Math.max(of.most, ...all.map((point) => point.value));
    const x = (at) => ((at - of.from) / Math.max(1, of.to - of.from)) * WIDTH;
    const y = (value) => HEIGHT - (value / most) * HEIGHT;
    const lines = of.pieces.map((piece) => {
        const points = piece.map((point) => `${x(point.at).toFixed(1)},${y(point.value).toFixed(1)}`).join(" ");
        const [first, last] = [x(piece[0]?.at ?? 0), x(piece.at(-1)?.at ?? 0)];
        return [
            draw("polygon", { class: "area", points: `${first},${HEIGHT} ${points} ${last},${HEIGHT}` }),
            draw("polyline", { class: "line", points }),
        ];
    });
    const last = all.at(-1);
    const clock = (at) => new Date(at).toLocaleTimeString([], { timeStyle: "short" });
    const said = last
        ? `${of.title}: ${Math.round(last.value)}${of.unit} now, ${Math.round(Math.max(...all.map((p) => p.value)))}${of.unit} at most`
        : `${of.title}: nothing seen yet`;
    const picture = draw("svg", { viewBox: `0 -4 ${WIDTH} ${HEIGHT + 8}`, preserveAspectRatio: "none", role: "img", "aria-label": said }, draw("path", { class: "grid", d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}` }), ...lines.flat());
    const scale = make("div", { class: "scale", "aria-hidden": "true" }, make("span", {}, `${Math.round(most)}${of.unit}`), make("span", {}, `0${of.unit}`));
    const times = make("div", { class: "times", "aria-hidden": "true" }, make("span", {}, clock(of.from)), make("span", {}, clock(of.to)));
    return make("figure", { class: "chart" }, make("figcaption", {}, of.title), make("div", { class: "plot" }, scale, picture), times);
}
