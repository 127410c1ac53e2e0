let me = null;
export const sitting = () => me;
export function sit(who) {
    me = who;
}
/** Whether the user may do something on any queue. */
export const may = (action) => me !== null && action in me.actions;
let anew = () => undefined;
/** Show the room anew: something was chosen, or done. */
export const refresh = () => anew();
export function whenRefreshed(done) {
    anew = done;
}
